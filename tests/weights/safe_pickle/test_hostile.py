"""Code in a file never runs, and a pickle can do nothing but describe values: hostile ones are refused."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styleclip.weights.describe import describe
from styleclip.weights.load import load_generator
from tests.helpers.assert_refused import WAYS, assert_nothing_ran, parametrized, refused, sentinel
from tests.helpers.checkpoint_writers import write_nvidia_pickle
from tests.helpers.hostile import (
    SCRIPT,
    Op,
    array,
    build,
    call,
    get,
    name,
    namespace,
    new,
    op,
    pickled,
    stack_name,
    storage,
    storage_file,
    stream,
    tensor,
    update,
    write_archive,
    write_pickle,
    write_stream,
)
from tests.helpers.tiny import tiny_generator

IMPORT_OS = call(name("builtins", "__import__"), "os")
CODE: dict[str, Callable[[str], Op]] = {
    "os.system": lambda path: call(name("os", "system"), f"touch {path}"),
    "posix.system": lambda path: call(name("posix", "system"), f"touch {path}"),
    "nt.system": lambda path: call(name("nt", "system"), f"touch {path}"),
    "os.mkdir, when the object is built": lambda path: build(call(name("os", "mkdir"), path), {}),
    "subprocess.Popen": lambda path: call(name("subprocess", "Popen"), ["touch", path]),
    "subprocess.check_output": lambda path: call(name("subprocess", "check_output"), ["touch", path]),
    "pty.spawn": lambda path: call(name("pty", "spawn"), ["touch", path]),
    "eval": lambda path: call(name("builtins", "eval"), f"open({path!r}, 'w')"),
    "eval of Python 2": lambda path: call(name("__builtin__", "eval"), f"open({path!r}, 'w')"),
    "exec": lambda path: call(name("builtins", "exec"), f"open({path!r}, 'w')"),
    "open": lambda path: call(name("builtins", "open"), path, "w"),
    "io.open": lambda path: call(name("io", "open"), path, "w"),
    "codecs.open": lambda path: call(name("codecs", "open"), path, "w"),
    "shutil.copy": lambda path: call(name("shutil", "copy"), "/etc/hostname", path),
    "__import__": lambda path: call(name("builtins", "__import__"), "antigravity"),
    "importlib.import_module": lambda path: call(name("importlib", "import_module"), "antigravity"),
    "a module that acts when it is imported": lambda path: name("this", "s"),
    "a module deep in the library": lambda path: name("xmlrpc.server", "resolve_dotted_attribute"),
    "getattr": lambda path: call(call(name("builtins", "getattr"), IMPORT_OS, "system"), f"touch {path}"),
    "operator.attrgetter": lambda path: call(call(name("operator", "attrgetter"), "system"), IMPORT_OS),
    "operator.methodcaller": lambda path: call(call(name("operator", "methodcaller"), "system", path), IMPORT_OS),
    "functools.partial": lambda path: call(name("functools", "partial"), IMPORT_OS, "system"),
    "a chain of attributes": lambda path: stack_name("argparse", "Namespace.__init__.__globals__"),
    "an attribute of an allowed class": lambda path: stack_name("collections", "OrderedDict.__class__.mro"),
    "the globals of an allowed function": lambda path: stack_name("torch._utils", "_rebuild_tensor_v2.__globals__"),
    "runpy.run_path": lambda path: call(name("runpy", "run_path"), path),
    "runpy._run_code": lambda path: call(name("runpy", "_run_code"), f"open({path!r}, 'w')", {}),
    "timeit.timeit": lambda path: call(name("timeit", "timeit"), f"open({path!r}, 'w')"),
    "cProfile.run": lambda path: call(name("cProfile", "run"), f"open({path!r}, 'w')"),
    "marshal.loads": lambda path: call(name("marshal", "loads"), b"c"),
    "types.FunctionType": lambda path: call(name("types", "FunctionType"), None, {}),
    "pickle.loads": lambda path: call(name("pickle", "loads"), pickled(call(name("os", "mkdir"), path))),
    "_pickle.loads": lambda path: call(name("_pickle", "loads"), pickled(call(name("os", "mkdir"), path))),
    "numpy.load": lambda path: call(name("numpy", "load"), path, None, True),
    "numpy's runstring": lambda path: call(name("numpy.testing._private.utils", "runstring"), "1", {}),
    "torch.load": lambda path: call(name("torch", "load"), path),
    "torch.jit.load": lambda path: call(name("torch.jit", "load"), path),
    "torch.hub.load": lambda path: call(name("torch.hub", "load"), "someone/something", "model"),
    "torch's exec": lambda path: call(name("torch.jit.unsupported_tensor_ops", "execWrapper"), path, {}, {}),
    "a compiler": lambda path: call(name("torch.utils.cpp_extension", "load_inline"), "evil", "int main() {}"),
    "a method of a tensor": lambda path: stack_name("torch", "Tensor.__setstate__"),
    "a writer of our own": lambda path: call(name("styleclip.weights.formats.own_files", "save_tensors"), {}, path, {}),
    "a stand-in of our own": lambda path: call(name("styleclip.weights.safe_pickle.globals", "InertObject"), "name"),
}
CONTAINERS: dict[str, Callable[[Any, Path], Path]] = {
    "pickle 2": lambda value, path: write_pickle(value, path, protocol=2),
    "pickle 5": lambda value, path: write_pickle(value, path, protocol=5),
    "torch before 1.6": write_stream,
    "torch": write_archive,
    "TorchScript": lambda value, path: write_archive(value, path, more=SCRIPT),
    "torch in a pickle": lambda value, path: write_pickle({"G_ema": storage_file(stream(value))}, path),
    "torch in a pickle, at its start": lambda value, path: write_pickle(storage_file(pickled(value)), path),
}


@parametrized(CODE)
def test_code_is_not_run(case: Callable[[str], Op], tmp_path: Path) -> None:
    code = case(str(sentinel(tmp_path)))
    for write in CONTAINERS.values():
        for value in (code, {"g_ema": code}, namespace(size=code)):
            said = refused(write(value, tmp_path / "weights.pt"), describe, load_generator)
            assert "which no weights need, so it was not opened; do not trust it" in said


def test_code_in_a_torchscript_archive_is_not_looked_at(tmp_path: Path) -> None:
    source = f"open({str(sentinel(tmp_path))!r}, 'w')\nraise SystemExit".encode()
    more = {"constants.pkl": pickled(()), "code/__torch__/m.py": source, "code/__torch__.py": source}
    root = build(new(name("__torch__.m", "Module")), {"training": False, "weight": tensor()})
    path = write_archive(root, tmp_path / "script.pt", more=more)
    assert "it holds an object of the class __torch__.m.Module, none of the known weights" in refused(path)


def test_the_source_of_a_network_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tests.helpers.nvidia_trees.TRIP_WIRE", f"open({str(sentinel(tmp_path))!r}, 'w')\nraise SystemExit"
    )
    path = write_nvidia_pickle(tmp_path / "network.pkl", tiny_generator())
    assert str(sentinel(tmp_path)).encode() in path.read_bytes()
    load_generator(path)
    describe(path)
    assert_nothing_ran(tmp_path)


NAMESPACE = name("argparse", "Namespace")
PARAMETER = name("torch._utils", "_rebuild_parameter")
NESTED = storage_file(stream(storage()))
for _ in range(1000):
    NESTED = storage_file(stream(NESTED))
PICKLES: dict[str, Op] = {
    "INST": Op(b"(" + op("touch") + b"ios\nsystem\n"),
    "INST of an allowed name": Op(b"(icollections\nOrderedDict\n"),
    "OBJ": Op(b"(" + NAMESPACE + op("touch") + b"o"),
    "EXT1": Op(b"\x82\x63"),
    "EXT2": Op(b"\x83\x63\x00"),
    "EXT4": Op(b"\x84\x63\x00\x00\x00"),
    "PERSID": Op(b"P0\n"),
    "NEXT_BUFFER": Op(b"\x97"),
    "READONLY_BUFFER": Op(op("text") + b"\x98"),
    "an opcode that is none": Op(b"\xff"),
    "REDUCE of a text": call("os.system", "touch"),
    "REDUCE of a number": call(7, "touch"),
    "REDUCE of a dtype": call(name("torch", "float32"), 1),
    "REDUCE of a record": call(new(NAMESPACE), 1),
    "REDUCE with a number of arguments": Op(NAMESPACE + op(3) + b"R"),
    "REDUCE with the wrong arguments": call(name("torch._utils", "_rebuild_tensor_v2"), 1),
    "NEWOBJ of a function": new(PARAMETER, "x"),
    "NEWOBJ of a text": new("os.system"),
    "NEWOBJ of a dtype": new(name("torch", "float32")),
    "NEWOBJ_EX with names": Op(NAMESPACE + op(()) + op({"name": "os.system"}) + b"\x92"),
    "BUILD of a dict": build({}, {"__class__": "os.system"}),
    "BUILD of a text": build("text", {"__dict__": {}}),
    "BUILD of a function": build(PARAMETER, {"__code__": b"", "__globals__": {}}),
    "BUILD of a class": build(name("collections", "OrderedDict"), {"__setitem__": PARAMETER}),
    "BUILD of a class of records": build(NAMESPACE, {"__init__": PARAMETER, "func": PARAMETER}),
    "BUILD of a dtype": build(name("torch", "float32"), {"itemsize": 0}),
    "BUILD with __setstate__": build(namespace(__setstate__=PARAMETER, __class__=PARAMETER), {"set_state": PARAMETER}),
    "BUILD with __dict__": build(namespace(__dict__={"state": 1}), (None, {"name": "x", "state": None})),
    "BUILD with a text": build(new(NAMESPACE), "text"),
    "BUILD with pairs": build(new(NAMESPACE), [["a", 1]]),
    "an OrderedDict of numbers": call(name("collections", "OrderedDict"), [1, 2]),
    "an OrderedDict whose keys are lists": call(name("collections", "OrderedDict"), [[[], 2]]),
    "a set of lists": call(name("builtins", "set"), [[]]),
    "a set of tuples": Op(b"\x8f(" + op((1, 2)) + b"\x90"),
    "a frozenset of tuples": Op(b"(" + op((1, 2)) + b"\x91"),
    "a dict whose keys are tuples": op({(1, 2): 3}),
    "a dict whose keys are huge": Op(b"}" + b"\x8a\xff" + b"\x7f" * 255 + op(1) + b"s"),
    "a dict of protocol 0": Op(b"(" + op((1, 2)) + op(1) + b"d"),
    "items for a text": Op(op("text") + b"(" + op("a") + op("b") + b"u"),
    "items for a tensor": update(array(), {"a": 1}),
    "more of a text": Op(op("text") + b"(" + op("a") + b"e"),
    "an odd number of items": Op(b"}(" + op("a") + b"u"),
    "a value that was never put": get(7),
    "an empty stack": Op(b"0" * 9),
    "a mark that is missing": Op(b"t"),
    "a negative memo": Op(op(1) + b"p-1\n"),
    "a protocol that is none": Op(b"\x80\x63"),
    "a line without end": Op(b"c" + b"o" * 100_000),
    "a number that is none": Op(b"Ione\n"),
    "a text that is none": Op(b"X\x02\0\0\0\xff\xff"),
    "a reference to other data": Op(op(("storage", 1)) + b"Q"),
    "a name with ends of lines": stack_name("os\nsystem", "rm -rf /\x1b[2J\x07\u202e"),
    "a long name": stack_name("o" * 10**5, "s" * 10**5),
    "a torch file that is none": storage_file(b"junk"),
    "a torch file that is a text": call(name("torch.storage", "_load_from_bytes"), "/etc/passwd"),
    "a torch file that is no storage": storage_file(stream({"w": tensor()})),
    "a torch file in a torch file": storage_file(stream(storage_file(stream(storage())))),
    "a thousand torch files, each in the next": NESTED,
    "a big-endian array": array(order=">"),
    "an array of objects": array(code="O8", data=[1, 2, 3]),
    "an array of complex numbers": array(code="c8", data=bytes(24)),
    "an array of a type that is a tuple": array(code=("f4",)),
    "an array of so many zeros": array(data=2**40),
    "an array of a list": array(data=[0.0, 0.0, 0.0]),
    "an array without all of its numbers": array(shape=(4,)),
    "an array with more numbers": array(shape=(2,)),
    "an array of a negative length": array(shape=(-3,)),
    "an array of a thousand axes": array(shape=[0] * 1000),
    "an array that was never filled": call(name("numpy._core.multiarray", "_reconstruct")),
    "an array whose state is a number": build(new(name("numpy", "ndarray")), 5),
    "a number of numpy that has no bytes": call(name("numpy._core.multiarray", "scalar"), 4, b""),
}


@parametrized(PICKLES)
def test_pickles(case: Op, tmp_path: Path) -> None:
    refused(write_pickle(case, tmp_path / "weights.pkl"))
    refused(write_pickle({"G_ema": case, "state_dict": case}, tmp_path / "dict.pkl"))
    refused(write_pickle([[case], [case]], tmp_path / "list.pkl"))
    for way in WAYS:  # torch files hold the same as plain values; those that are nothing else are of use to nobody
        refused(write_stream({"g_ema": case}, tmp_path / "legacy.pt"), way)
    refused(write_archive({"state_dict": case}, tmp_path / "zip.pt"))
    refused(write_archive(case, tmp_path / "script.pt", more=SCRIPT))


def test_registered_extensions_are_not_looked_up(tmp_path: Path) -> None:
    copyreg.add_extension("os", "system", 0x63)
    try:
        for case in ("EXT1", "EXT2", "EXT4"):
            refused(write_pickle(call(PICKLES[case], "touch"), tmp_path / "weights.pkl"))
    finally:
        copyreg.remove_extension("os", "system", 0x63)
