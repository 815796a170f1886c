"""Read a pickle without running it: what it names becomes an inert record, or the file is refused.

The weight files of five projects are pickles. What they need is a few dozen names: tensors, arrays, dicts, sets, and
objects whose attributes are looked at. Nothing is ever imported; a name that is not in the tables ends the reading.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import IO, Any

from styleclip.errors import WeightError
from styleclip.weights.formats.stored import STORAGES, Array, ArrayType, Storage, StoredTensor

READABLE = 4  # tensors may share bytes, but all of them together are at most this many times the file


class Record:
    """An object of a class that stays unknown: its name, what it was built from, and its attributes."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2:  # (__dict__, slots)
            state = state[0]
        self.state = dict(state or {})


class Table(dict[Any, Any]):
    """An OrderedDict or EasyDict; attributes that were pickled with it are dropped."""

    __slots__ = ()

    def set_state(self, state: Any) -> None: ...


Persistent = Callable[[Any], Any]  # a reference to bytes that lie elsewhere in the file -> what it stands for


def read_pickle(
    file: IO[bytes],
    size: int,
    persistent: Persistent | None = None,
    nested: Callable[[bytes], Any] | None = None,
    torchscript: bool = False,
) -> Any:
    """The value of the pickle that `file` stands at.

    `size` bounds what its tensors may occupy, `nested` reads the torch files that some pickles hold as bytes, and
    `torchscript` lets the classes of an archive's own code pass, as records. Raises WeightError for a name that is
    not in the tables; damage raises whatever the unpickler stumbles on.
    """
    return _InertUnpickler(file, size, persistent, nested, torchscript).load()


class _InertUnpickler(pickle._Unpickler):  # the one in C allocates whatever memory a short file announces
    dispatch = dict(pickle._Unpickler.dispatch)
    for _code in (pickle.INST, pickle.OBJ, pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.PERSID):
        del dispatch[_code[0]]

    def __init__(
        self,
        file: IO[bytes],
        size: int,
        persistent: Persistent | None,
        nested: Callable[[bytes], Any] | None,
        torchscript: bool,
    ) -> None:
        super().__init__(file, encoding="latin1")
        self.left = READABLE * size + 2**20
        self.persistent, self.nested, self.torchscript = persistent, nested, torchscript

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in TABLE:
            return TABLE[module, name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.tensor
        if (module, name) == ("torch.storage", "_load_from_bytes") and self.nested:
            return self.nested
        if (module, name) in RECORDS or (self.torchscript and module.split(".")[0] == "__torch__"):
            return _record_class(f"{module}.{name}")
        raise WeightError(f"it names {module}.{name}, which no weights need, so it was not opened; do not trust it")

    def persistent_load(self, pid: Any) -> Any:
        if self.persistent is None:
            raise WeightError("it refers to data outside of itself; pass the file as it was saved")
        return self.persistent(pid)

    def tensor(self, storage: Storage, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
        tensor = StoredTensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))
        tensor.check()
        self.left -= tensor.nbytes
        if self.left < 0:
            raise WeightError("its tensors are many times larger than the file; do not trust it")
        return tensor

    def load_build(self) -> None:
        state = self.stack.pop()  # type: ignore[attr-defined]
        self.stack[-1].set_state(state)  # type: ignore[attr-defined]

    dispatch[pickle.BUILD[0]] = load_build  # type: ignore[assignment]


def _record_class(name: str) -> type[Record]:
    class Named(Record):
        """Records of one class; built by a call or, as `object.__new__` is, without one."""

        __slots__ = ()

        def __new__(cls, *arguments: Any, **_: Any) -> Named:
            record = super().__new__(cls)
            Record.__init__(record, name, arguments)
            return record

        def __init__(self, *arguments: Any, **_: Any) -> None: ...

    return Named


def _parameter(data: StoredTensor, *_: Any) -> StoredTensor:
    return data


def _scalar(kind: ArrayType, data: Any) -> Any:
    return Array().fill((), kind, False, data).read().item()


def _from_buffer(data: Any, kind: ArrayType, shape: Any, order: str = "C") -> Array:
    return Array().fill(shape, kind, order == "F", data)


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")  # how protocol 2 writes bytes


RECORDS = {
    ("argparse", "Namespace"),
    ("torch_utils.persistence", "_reconstruct_persistent_obj"),
    ("dnnlib.tflib.network", "Network"),
}
TABLE: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): Table,
    ("dnnlib.util", "EasyDict"): Table,
    ("dnnlib", "EasyDict"): Table,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("_codecs", "encode"): _encoded,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *where: ":".join(map(str, where)),
    ("torch.jit._pickle", "build_intlist"): list,
    ("torch.jit._pickle", "build_doublelist"): list,
    ("torch.jit._pickle", "build_boollist"): list,
    ("torch.jit._pickle", "build_tensorlist"): list,
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): ArrayType,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in STORAGES.values()},
}
