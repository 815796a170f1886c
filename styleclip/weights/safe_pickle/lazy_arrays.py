"""numpy arrays in a pickle or an .npy file, read as tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.safe_pickle.lazy_tensors import (
    LazyTensor,
    Shape,
    Storage,
    StorageView,
    shape_from,
    strides_of,
)

ARRAY_TYPES = {
    "f2": torch.float16, "f4": torch.float32, "f8": torch.float64, "i1": torch.int8, "i2": torch.int16,
    "i4": torch.int32, "i8": torch.int64, "u1": torch.uint8, "u2": torch.uint16, "u4": torch.uint32,
    "u8": torch.uint64, "b1": torch.bool,
}  # fmt: skip
OBJECT_TYPES = ("O", "O4", "O8")


class LazyArray(LazyTensor):
    """A numpy array in a pickle: created empty, filled from its state, read as a tensor.

    An array of anything but numbers raises WeightError when it is used; one of objects has them as `objects`.
    """

    __slots__ = ("objects", "problem", "tensor")

    def __init__(self, *_: Any) -> None:
        self.tensor: StorageView | None = None
        self.objects: Any = None  # the values of an array of objects; the only one where it has no axes
        self.problem = "an array in it is empty; download it again"

    @property
    def nbytes(self) -> int:
        return self.tensor.nbytes if self.tensor else 0

    @property
    def shape(self) -> Shape:
        return self._require_tensor().shape

    @property
    def is_real(self) -> bool:
        return self.tensor is not None and self.tensor.is_real

    def set_state(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.fill(shape, kind, fortran, data)

    def fill(self, shape: Iterable[Any], kind: ArrayDtype, fortran: bool, data: Any) -> LazyArray:
        sizes = shape_from(shape)
        if kind.dtype is None or kind.big_endian:
            self.problem = not_numbers("big-endian numbers" if kind.big_endian else f"type {short_repr(kind.code)}")
            if kind.code in OBJECT_TYPES and isinstance(data, list) and len(data) == math.prod(sizes):
                self.objects = data if sizes else data[0]
            return self
        raw = data.encode("latin1") if isinstance(data, str) else data
        itemsize = kind.dtype.itemsize
        if not isinstance(raw, bytes | bytearray) or len(raw) != math.prod(sizes) * itemsize:
            raise WeightError(f"an array in it is not made of {list(sizes)} numbers; download it again")
        storage = Storage(kind.dtype, len(raw) // itemsize, lambda start, size: bytearray(raw[start : start + size]))
        self.tensor = StorageView(storage, 0, sizes, strides_of(sizes, fortran))
        return self

    def read(self) -> Tensor:
        return self._require_tensor().read()

    def _require_tensor(self) -> StorageView:
        if self.tensor is None:
            raise WeightError(self.problem)
        return self.tensor


class ArrayDtype:
    """A numpy dtype in a pickle; `dtype` is None for one of anything but plain numbers."""

    __slots__ = ("big_endian", "code", "dtype")
    type_name = "dtype"

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code if isinstance(code, str) else None
        self.dtype = ARRAY_TYPES.get(self.code or "")
        self.big_endian = False

    def set_state(self, state: Any) -> None:
        self.big_endian = state[1] == ">" and self.dtype is not None and self.dtype.itemsize > 1


def not_numbers(what: str) -> str:
    """The error about an array of anything but plain numbers."""
    return f"it holds an array of {what}, where only plain numbers can be read; save them as float32"
