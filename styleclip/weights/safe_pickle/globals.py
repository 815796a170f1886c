"""Inert stand-ins for the classes and functions that a pickle names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import type_name
from styleclip.weights.safe_pickle.lazy_tensors import STORAGES, ArrayDtype, LazyArray, StorageView


class InertObject:
    """An object of an unknown class: the name of that class, its arguments and its attributes."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, *arguments: Any, **_: Any) -> None:
        self.name, self.arguments = name, arguments
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2:  # (__dict__, slots)
            state = state[0] or {}
        if not isinstance(state, dict):
            raise WeightError(f"the attributes of an object in it are {type_name(state)}; download it again")
        self.state = state


class InertDict(dict[Any, Any]):
    """An OrderedDict or EasyDict; attributes that were pickled with it are dropped."""

    __slots__ = ()

    def __init__(self, pairs: Iterable[Any] = ()) -> None:
        super().__init__()
        for key, value in pairs:
            self[check_key(key)] = value

    def set_state(self, state: Any) -> None: ...


def check_key(key: Any) -> Any:
    """The key of a dict or a set if it is safe to hash: deep tuples overflow the stack, big integers can collide."""
    if (isinstance(key, int) and key.bit_length() < 64) or isinstance(key, str | bytes | None):
        return key
    raise WeightError(f"it has {type_name(key)} as a key, which no weights have; do not trust it")


def _parameter(data: StorageView, *_: Any) -> StorageView:
    return data


def _set(items: Iterable[Any] = ()) -> set[Any]:
    return {check_key(item) for item in items}


def _scalar(kind: ArrayDtype, data: Any) -> Any:
    return LazyArray().fill((), kind, False, data).read().item()


def _from_buffer(data: Any, kind: ArrayDtype, shape: Any, order: str = "C") -> LazyArray:
    return LazyArray().fill(shape, kind, order == "F", data)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")  # protocol 2 stores bytes as text


INERT_CLASSES = {
    ("argparse", "Namespace"),
    ("torch_utils.persistence", "_reconstruct_persistent_obj"),
    ("dnnlib.tflib.network", "Network"),
}
GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): InertDict,
    ("dnnlib.util", "EasyDict"): InertDict,
    ("dnnlib", "EasyDict"): InertDict,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *_: "device",
    ("torch.jit._pickle", "build_intlist"): list,
    ("torch.jit._pickle", "build_doublelist"): list,
    ("torch.jit._pickle", "build_boollist"): list,
    ("torch.jit._pickle", "build_tensorlist"): list,
    ("numpy", "ndarray"): LazyArray,
    ("numpy", "dtype"): ArrayDtype,
    **{
        (f"numpy.{core}.{module}", name): inert
        for core in ("core", "_core")
        for module, name, inert in (
            ("multiarray", "_reconstruct", LazyArray),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in STORAGES.values()},
}
