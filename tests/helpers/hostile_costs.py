"""Files made to take all memory, or hours, or the stack."""

from __future__ import annotations

import itertools
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from styleclip.networks.stylegan2 import GeneratorConfig
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.nvidia_tf import generator_keys
from styleclip.weights.load import load_clip_file, load_encoder, load_latents, load_mapper
from tests.helpers.hostile import (
    THREE,
    Op,
    after,
    array,
    build,
    call,
    get,
    laughs,
    module,
    name,
    namespace,
    new,
    op,
    pickled,
    put,
    storage,
    storage_file,
    stream,
    tensor,
    update,
    write_archive,
    write_pickle,
    write_safetensors,
    write_stream,
)
from tests.helpers.tiny import tiny_generator

DEPTH = 100_000
MANY = 1_100_000
ROSINALITY = {"style.1.weight": tensor(), "to_rgbs.0.bias": tensor()}
SCRIPT = {"constants.pkl": pickled(())}
Make = Callable[[Path], Path]


def plain(value: Any) -> Make:
    return lambda path: write_pickle(value, path)


def of_rosinality(**tensors: Any) -> Make:
    """A file that looks like rosinality's, with these tensors too."""
    return lambda path: write_stream({"g_ema": {**ROSINALITY, **tensors}}, path)


def announcing(opcode: bytes, form: str, length: int) -> Make:
    return plain(Op(opcode + struct.pack(form, length) + bytes(100)))


def repeated(value: Any, again: Callable[[Op], Any], times: int) -> Op:
    """A value, and a list of what is made of it so many times."""
    return after(put(value, 1), Op(b"](" + op(again(get(1))) * times + b"e"))


def big(nbytes: int) -> Op:
    """An integer of so many bytes."""
    return Op(b"\x8b" + struct.pack("<i", nbytes) + b"\x7f" * nbytes)


def ones(count: int) -> Op:
    """A list of so many numbers."""
    return Op(b"](" + b"K\x01" * count + b"e")


def nested_tuples(depth: int = DEPTH) -> Op:
    return Op(b")" + b"\x85" * depth)


def nested_records(depth: int, kind: Op, attribute: str = "a") -> Op:
    """Objects that each hold an array and the next."""
    open_ = kind + b")\x81}(" + op("w") + get(1) + op(attribute)
    return after(put(array(), 1), Op(open_ * depth + op(None) + b"ub" * depth))


def names(count: int, value: Op, form: str = "x{}") -> dict[str, Op]:
    return {form.format(i): value for i in range(count)}


def described_by(kind: str, **state: Any) -> Op:
    return module(class_name=kind, state={"_modules": {}, "_parameters": {}, "_buffers": {}, **state})


def own_child(child: str, times: int = 1) -> Op:
    """A generator that is its own child, under a long name or under many."""
    children = {f"{child}{i}": get(2) for i in range(times)}
    state = update(get(1), {"_modules": children, "_parameters": {}, "_buffers": {}})
    return after(put({}, 1), put(module(state=get(1)), 2), state, get(2))


def children_with(parameters: Any, count: int = 900, **state: Any) -> Op:
    """A generator with many modules that share their parameters."""
    child = described_by("SynthesisLayer", _parameters=get(1), **state)
    children = {f"m{i}": child for i in range(count)}
    return after(put(parameters, 1), described_by("Generator", _modules=children, num_ws=0, img_channels=3))


def network_of_tensorflow(**state: Any) -> Op:
    state = {"version": 4, "static_kwargs": {}, "variables": [], "components": {}, **state}
    return build(new(name("dnnlib.tflib.network", "Network")), state)


def tensorflow(value: Op) -> Make:
    return plain((value, value, value))


def of_tiny_tensors(count: int, form: str, more: dict[str, list[int]]) -> Make:
    """A safetensors file with so many names of one number, and these shapes."""
    shapes = {form.format(i): [1] for i in range(count)} | more
    ends = list(itertools.accumulate((4 * math.prod(shape) for shape in shapes.values()), initial=0))
    header = {
        key: {"dtype": "F32", "shape": shape, "data_offsets": span}
        for (key, shape), span in zip(shapes.items(), itertools.pairwise(ends), strict=True)
    }
    return lambda path: write_safetensors(path, header, bytes(ends[-1]))


def of_archive(path: Path) -> Path:
    """An archive with eighty thousand parts."""
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(80_000):
            archive.writestr(zipfile.ZipInfo(f"archive/data/{i}"), b"")
    return path


def hollow_generator(levels: int) -> dict[str, Op]:
    """All names of a rosinality generator of 2^levels px but its noise, with three numbers behind each."""
    keys = rosinality.generator_keys(2**levels, depth=2)
    return {key.theirs: tensor() for key in keys if not key.theirs.startswith("noises")}


def wide_generator(path: Path) -> Path:
    """A whole generator with a million numbers in z; its average is not in the file."""
    tensors = tiny_generator(GeneratorConfig(10**6, 2, (1, 2), {4: 2, 8: 2})).state_dict()
    torch.save({"g_ema": rosinality.export_generator(tensors)["g_ema"]}, path)
    return path


def latents(count: int, numbers: int) -> Make:
    """Styles of so many layers that are all the same."""
    one = tensor(storage(numel=numbers), shape=(numbers // 2, 1, 2, 1, 1), stride=(2, 1, 1, 1, 1))
    value = after(put(one, 1), Op(b"](" + get(1) * count + b"e"))
    return lambda path: write_archive(value, path, {"0": bytes(4 * numbers)})


CLIP: dict[str, list[int]] = {
    "logit_scale": [], "text_projection": [1, 1], "token_embedding.weight": [1, 1], "positional_embedding": [1, 1],
    "visual.conv1.weight": [1, 1, 1, 1], "visual.class_embedding": [1], "visual.positional_embedding": [2, 1],
    "input_resolution": [], "context_length": [], "vocab_size": [],
}  # fmt: skip
NAMESPACE, SET, DICT = name("argparse", "Namespace"), name("builtins", "set"), name("collections", "OrderedDict")
MODULE, ENCODE = name("__torch__.m", "Module"), name("_codecs", "encode")
HALF_MB = storage_file(stream(storage(numel=131072), {"0": bytes(524288)}))
FAR = tensor(storage("1", 1_000_000), shape=(2,), stride=(999_999,))
CASES: dict[str, Make] = {
    # what is announced, but not there
    "a memo index of 2^32 - 1": plain(put("text", 2**32 - 1)),
    "BINBYTES of 4 GB": announcing(b"B", "<I", 2**32 - 1),
    "BINBYTES8 of a terabyte": announcing(b"\x8e", "<Q", 2**40),
    "BINUNICODE8 of a terabyte": announcing(b"\x8d", "<Q", 2**40),
    "BYTEARRAY8 of a terabyte": announcing(b"\x96", "<Q", 2**40),
    "BYTEARRAY8 of 4 GB": announcing(b"\x96", "<Q", 2**32),
    "BINSTRING of 2 GB": announcing(b"T", "<i", 2**31 - 1),
    "LONG4 of 2 GB": announcing(b"\x8b", "<i", 2**31 - 1),
    "FRAME of a terabyte": announcing(b"\x95", "<Q", 2**40),
    # numbers
    "ten million digits": plain(Op(b"L" + b"9" * 10**7 + b"L\n")),
    "ten million digits as INT": plain(Op(b"I" + b"9" * 10**7 + b"\n")),
    "an integer of 10 MB": plain(big(10**7)),
    "a size of 10 MB": lambda path: write_stream(tensor(storage(numel=big(10**7))), path),
    "a shape of 10 MB": lambda path: write_stream(tensor(shape=(big(10**6),) * 10), path),
    "an array with a shape of 10 MB": plain(array(shape=(big(10**6),) * 10)),
    "a million axes": lambda path: write_stream(tensor(shape=ones(10**6), stride=ones(10**6)), path),
    "a clamp of 10 MB": plain({"G_ema": described_by("Generator", num_ws=big(10**7))}),
    # twice the same, of which each is twice the same
    "laughs": plain(laughs()),
    "laughs of dicts": plain({"G_ema": laughs(dict)}),
    "laughs as a key": plain(Op(b"}" + laughs(tuple) + op(1) + b"s")),
    "laughs as keys": plain(Op(b"}(" + laughs(tuple) + op(1) + b"u")),
    "laughs as an item of a set": plain(Op(b"\x8f(" + laughs(tuple) + b"\x90")),
    "laughs as a storage": lambda path: write_stream(tensor(storage(kind=laughs())), path),
    "laughs as the key of a storage": lambda path: write_stream(tensor(storage(key=laughs(tuple))), path),
    "laughs as a size": lambda path: write_stream(tensor(storage(numel=laughs())), path),
    "laughs as a shape": lambda path: write_stream(tensor(shape=laughs()), path),
    "laughs as the type of an array": plain(array(code=laughs(tuple))),
    "laughs as the data of an array": plain(array(data=laughs())),
    "laughs as a device": plain(call(name("torch", "device"), laughs())),
    "laughs as a class": plain({"G_ema": described_by(laughs())}),
    "laughs as an attribute": plain({"G_ema": described_by("Generator", num_ws=laughs(), c_dim=laughs())}),
    "laughs as an argument": tensorflow(
        network_of_tensorflow(static_kwargs={"architecture": laughs()}, variables=[["a/mod_weight", array()]])
    ),
    "laughs as an unknown argument": tensorflow(
        network_of_tensorflow(static_kwargs={"evil": laughs()}, variables=[["a/mod_weight", array()]])
    ),
    "laughs as a version": tensorflow(network_of_tensorflow(version=laughs())),
    "laughs as the name of a function": tensorflow(network_of_tensorflow(build_func_name=laughs())),
    "laughs as a type of encoder": lambda path: write_stream(
        {"state_dict": {"encoder.body.0": tensor()}, "opts": namespace(encoder_type=laughs())}, path
    ),
    "laughs as an option of a mapper": lambda path: write_stream(
        {
            "state_dict": {
                f"mapper.mapping.mapping.{i}.{kind}": tensor() for i in range(1, 5) for kind in ("weight", "bias")
            },
            "opts": {"mapper_type": laughs()},
        },
        path,
    ),
    # depth
    "deep lists": plain(Op(b"]" * DEPTH + b"]" + b"a" * DEPTH)),
    "deep tuples": plain(nested_tuples()),
    "deep dicts": plain(Op((b"}" + op("a")) * DEPTH + b"}" + b"s" * DEPTH)),
    "deep records": plain(nested_records(DEPTH // 4, NAMESPACE)),
    "a deep key": plain(Op(b"}" + nested_tuples(10 * DEPTH) + op(1) + b"s")),
    "deep keys": plain(Op(b"}(" + nested_tuples() + op(1) + b"u")),
    "a deep key of protocol 0": plain(Op(b"(" + nested_tuples() + op(1) + b"d")),
    "a deep key of an OrderedDict": plain(call(DICT, [[nested_tuples(), 1]])),
    "a deep item": plain(Op(b"\x8f(" + nested_tuples() + b"\x90")),
    "a deep item of a frozenset": plain(Op(b"(" + nested_tuples() + b"\x91")),
    "a deep item of a set": plain(call(SET, [nested_tuples()])),
    "a deep key of a storage": lambda path: write_stream(tensor(storage(key=nested_tuples())), path),
    "deep keys of a stream": lambda path: (
        path.write_bytes(stream(tensor()).replace(pickled(["0"], 2), pickled([nested_tuples()], 2))) and path
    ),
    "a deep type of an array": plain(array(code=nested_tuples())),
    "a deep class": plain({"G_ema": described_by(nested_tuples())}),
    "a deep attribute": plain({"G_ema": described_by("Generator", num_ws=nested_tuples())}),
    "a deep tree of a TorchScript archive": lambda path: write_archive(
        nested_records(30_000, MODULE), path, more=SCRIPT
    ),
    # length
    "millions of sets": plain(Op(b"\x8f" * MANY)),
    "millions of memos": plain(Op(b"N" + b"\x94" * MANY)),
    "a million records": plain(Op(b"](" + (NAMESPACE + b")\x81") * 10**6 + b"e")),
    "fifty thousand classes": lambda path: write_archive(
        Op(b"](" + b"".join(name("__torch__", f"C{i}") for i in range(50_000)) + b"e"), path, more=SCRIPT
    ),
    "fifty thousand keys that collide": plain(Op(b"}(" + b"".join(op(i << 44) + b"N" for i in range(50_000)) + b"u")),
    "keys with the same remainder": plain(
        Op(b"}(" + b"".join(op(i * (2**61 - 1)) + b"N" for i in range(50_000)) + b"u")
    ),
    # copies
    "copies of a list": plain(repeated(ones(10**5), lambda again: call(name("torch", "Size"), again), 20_000)),
    "copies of a set": plain(repeated(ones(10**5), lambda again: call(SET, again), 20_000)),
    "copies of a text": plain(repeated("x" * 10**6, lambda again: call(ENCODE, again, "latin1"), 20_000)),
    "copies of an array": plain(repeated(bytes(4 * 10**6), lambda again: array(shape=(10**6,), data=again), 2_000)),
    "copies of a text in arrays": plain(
        repeated("x" * (4 * 10**6), lambda again: array(shape=(10**6,), data=again), 2_000)
    ),
    "copies of a torch file": plain(
        repeated(stream(storage(numel=131072), {"0": bytes(524288)}), storage_file, 20_000)
    ),
    "a tensor under many names": lambda path: write_stream(
        after(
            put(tensor(storage(numel=250_000), shape=(250_000,)), 1),
            {"g_ema": {**ROSINALITY, **names(5_000, get(1))}},
        ),
        path,
        {"0": bytes(10**6)},
    ),
    "ten thousand views of two far numbers": lambda path: write_stream(
        {"g_ema": {**ROSINALITY, **names(10_000, FAR)}}, path, THREE | {"1": bytes(4 * 10**6)}
    ),
    "ten thousand views of one number": lambda path: write_archive(
        {"g_ema": {**ROSINALITY, **names(10_000, tensor(storage("1", 10**7), shape=(1,)))}},
        path,
        THREE | {"1": bytes(4 * 10**7)},
    ),
    "the same styles for all layers": latents(26, 10_000_000),
    "the same styles for a hundred thousand layers": latents(10**5, 2),
    "the same variable for all": lambda path: tensorflow(
        after(
            put(array(shape=(10**6,), data=bytes(4 * 10**6)), 1),
            network_of_tensorflow(variables=[[key.theirs, get(1)] for key in generator_keys(1024, depth=8)]),
        )
    )(path),
    # names that promise more than there is
    "a resolution of 2^12 without noise": of_rosinality(**hollow_generator(12)),
    "a resolution of 2^15 without noise": of_rosinality(**hollow_generator(15)),
    "a resolution of 2^(10^10)": of_rosinality(**{f"to_rgbs.{10**10}.bias": tensor()}),
    "10^9 layers of the mapping": of_rosinality(**{f"style.{10**9}.weight": tensor()}),
    "a mapping of a million numbers, without its average": wide_generator,
    "a network in itself": plain({"G_ema": own_child("m", 500)}),
    "a network in itself, under a long name": plain({"G_ema": own_child("m" * 10**6)}),
    "modules that share their parameters": plain({"G_ema": children_with(names(200_000, op(None)))}),
    "modules that hide a million names": plain(
        after(put(ones(400_000), 3), {"G_ema": children_with({"w": array()}, _non_persistent_buffers_set=get(3))})
    ),
    "modules that hide deep names": plain(
        {"G_ema": children_with({"w": array()}, 1, _non_persistent_buffers_set=[nested_tuples()])}
    ),
    "a noise of 10^6 px": plain({"G_ema": children_with({}, 5, resolution=10**6, use_noise=False)}),
    "components that share their variables": tensorflow(
        after(
            put(network_of_tensorflow(variables=[[f"v{i}", 0] for i in range(9_000)]), 1),
            network_of_tensorflow(components=names(9_000, get(1))),
        )
    ),
    "ten thousand styles of an encoder": lambda path: write_stream(
        {"state_dict": {"encoder.body.0": tensor(), **names(10_000, tensor(), "encoder.styles.{}.x")}}, path
    ),
    "fifteen thousand layers of CLIP": of_tiny_tensors(15_000, "visual.transformer.resblocks.{}.x", CLIP),
    "fifteen thousand tensors": of_tiny_tensors(15_000, "style.1.{}", {"to_rgbs.0.bias": [1]}),
    "ten thousand tables": lambda path: write_archive([tensor(shape=(1,) * 5, stride=(1,) * 5)] * 10_000, path),
    # archives
    "a packed pickle of 50 MB": lambda path: write_archive(
        Op(bytes(5 * 10**7)), path, compression=zipfile.ZIP_DEFLATED
    ),
    "packed tensors of 40 MB": lambda path: write_archive(
        tensor(storage(numel=10**7)), path, {"0": bytes(4 * 10**7)}, compression=zipfile.ZIP_DEFLATED
    ),
    "an archive of many parts": of_archive,
    "a pickle of 5 MB": lambda path: write_archive(bytes(5 * 10**6), path),
}
OTHER_WAYS: dict[str, Callable[[Path], Any]] = {
    "laughs as a type of encoder": load_encoder,
    "laughs as an option of a mapper": load_mapper,
    "a deep tree of a TorchScript archive": load_clip_file,
    "the same styles for all layers": load_latents,
    "the same styles for a hundred thousand layers": load_latents,
    "ten thousand styles of an encoder": load_encoder,
    "fifteen thousand layers of CLIP": load_clip_file,
}
