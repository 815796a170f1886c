"""Inert stand-ins for the classes and functions that a pickle names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import type_name
from styleclip.weights.safe_pickle.lazy_arrays import ArrayDtype, LazyArray
from styleclip.weights.safe_pickle.lazy_tensors import STORAGES, StorageView


class InertObject:
    """An object of an unknown class: the name of that class, its arguments and its attributes."""

    __slots__ = ("arguments", "name", "state")
    type_name = "object"

    def __init__(self, name: str, *arguments: Any, **_: Any) -> None:
        self.name, self.arguments = name, arguments
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2:  # (__dict__, slots)
            state = state[0] or {}
        if not isinstance(state, dict):
            raise WeightError(f"the attributes of an object in it are {type_name(state)}; download it again")
        self.state = state


class InertValue(InertObject):
    """A value of the standard library, torch or numpy that is no number, e.g. a date; its state may be anything."""

    __slots__ = ()

    def set_state(self, state: Any) -> None: ...


class InertDict(dict[Any, Any]):
    """An OrderedDict or EasyDict; attributes that were pickled with it are dropped."""

    __slots__ = ()
    type_name = "dict"

    def __init__(self, pairs: Iterable[Any] = ()) -> None:
        super().__init__()
        for key, value in pairs.items() if isinstance(pairs, dict) else pairs:
            self[check_key(key)] = value

    def set_state(self, state: Any) -> None: ...


def check_key(key: Any) -> Any:
    """The key of a dict or a set if it is safe to hash: deep tuples overflow the stack, big integers can collide."""
    if (isinstance(key, int) and key.bit_length() < 64) or isinstance(key, str | bytes | float | None):
        return key
    raise WeightError(f"it has {type_name(key)} as a key, which no weights have; do not trust it")


def _parameter(data: StorageView, *_: Any) -> StorageView:
    return data


def _typed_tensor(rebuild: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """A tensor of a subclass, or with attributes; both are dropped."""
    return rebuild(*arguments)


def _set(items: Iterable[Any] = ()) -> set[Any]:
    return {check_key(item) for item in items}


def _list(items: Iterable[Any] = (), *_: Any) -> list[Any]:
    return list(items)


def _default_dict(*_: Any) -> InertDict:
    return InertDict()


def _path(*parts: Any) -> str:
    """A path as text; it is looked up nowhere."""
    return "/".join(part for part in parts if isinstance(part, str))


def _scalar(kind: ArrayDtype, data: Any) -> Any:
    return LazyArray().fill((), kind, False, data).read().item() if kind.dtype else InertValue("numpy.generic")


def _from_buffer(data: Any, kind: ArrayDtype, shape: Any, order: str = "C") -> LazyArray:
    return LazyArray().fill(shape, kind, order == "F", data)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")  # protocol 2 stores bytes as text


def inert_class(module: str, name: str) -> type[InertObject] | None:
    """The class of the objects that stand for those of `module.name`; None for a name that no weights need."""
    if (module, name) in INERT_CLASSES or (module.startswith(INERT_MODULES) and name.isidentifier()):
        return InertObject
    is_random_state = module.startswith(RANDOM_STATES) and name.isidentifier()
    return InertValue if is_random_state or (module, name) in INERT_VALUES else None


INERT_CLASSES = {
    ("argparse", "Namespace"),
    ("types", "SimpleNamespace"),
    ("torch_utils.persistence", "_reconstruct_persistent_obj"),
    ("dnnlib.tflib.network", "Network"),
}
INERT_MODULES = ("torch.nn.modules.", "torch.optim.", "omegaconf.")  # modules whose classes are inert
RANDOM_STATES = "numpy.random."  # modules of random states; the state of their objects is a dict or a tuple
BUILT_IN = "Ellipsis NotImplemented bool bytearray bytes complex dict float int list object range slice str tuple type"
VALUES_OF_MODULE = {  # standard values that are no numbers
    "builtins": BUILT_IN,
    "__builtin__": f"{BUILT_IN} long unicode xrange",
    "datetime": "date datetime time timedelta timezone tzinfo",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID SafeUUID",
    "random": "Random",
    "re": "_compile",
    "typing": "Any Dict List Optional Tuple Union",
    "array": "array _array_reconstructor",
    "torch": "Tensor Generator complex64 complex128 uint16 uint32 uint64 strided sparse_coo contiguous_format "
    "channels_last float8_e4m3fn float8_e5m2 qint8 quint8 qint32 per_tensor_affine per_channel_affine",
    "torch.nn.parameter": "Parameter Buffer",
    "torch.serialization": "_get_layout",
    "torch._utils": (
        "_rebuild_tensor_v3 _rebuild_sparse_tensor _rebuild_qtensor _rebuild_nested_tensor "
        "_rebuild_meta_tensor_no_storage"
    ),
    "PIL.Image": "Image",
    "PIL.PngImagePlugin": "PngImageFile",
    "PIL.JpegImagePlugin": "JpegImageFile",
    "numpy.core.memmap": "memmap",
    "numpy.matrixlib.defmatrix": "matrix",
    "numpy": (
        "bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128 str_ "
        "bytes_ datetime64 timedelta64 generic object_ memmap matrix recarray"
    ),
}
INERT_VALUES = {(module, name) for module, names in VALUES_OF_MODULE.items() for name in names.split()}
PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
DICTS = (
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("dnnlib.util", "EasyDict"),
    ("dnnlib", "EasyDict"),
    ("easydict", "EasyDict"),
    ("addict.addict", "Dict"),
    ("munch", "Munch"),
    ("yacs.config", "CfgNode"),
    ("pytorch_lightning.utilities.parsing", "AttributeDict"),
)
GLOBALS: dict[tuple[str, str], Any] = {
    **dict.fromkeys(DICTS, InertDict),
    ("collections", "defaultdict"): _default_dict,
    ("collections", "deque"): _list,
    **{(module, name): _path for module in ("pathlib", "pathlib._local") for name in PATHS},
    **{(module, name): _set for module in ("builtins", "__builtin__") for name in ("set", "frozenset")},
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _typed_tensor,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *_: "device",
    **{("torch.jit._pickle", f"build_{kind}list"): list for kind in ("int", "double", "bool", "tensor")},
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
    ("torch.storage", "UntypedStorage"): torch.uint8,
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in STORAGES.values()},
}
