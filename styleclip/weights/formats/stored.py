"""Tensors and arrays as a file describes them; their bytes are read when they are asked for, never more than it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Storage:
    """`numel` elements that lie one after the other somewhere in a file; `load` fetches their bytes."""

    dtype: torch.dtype
    numel: int
    load: Callable[[], bytearray]

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize


class Stored:
    """Something that is read as a tensor when it is needed."""

    __slots__ = ()

    def read(self) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class StoredTensor(Stored):
    """A view of a storage."""

    storage: Storage
    offset: int
    shape: Shape
    stride: Shape

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * self.storage.dtype.itemsize

    def check(self) -> None:
        """Raise WeightError where the view does not lie inside its storage."""
        positive = self.offset >= 0 and min((*self.shape, *self.stride), default=0) >= 0
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        if not positive or (self.numel and last >= self.storage.numel):
            raise WeightError(
                f"a tensor of shape {list(self.shape)} does not fit in the {self.storage.numel} numbers stored for it; "
                "download the file again"
            )

    def read(self) -> Tensor:
        if not self.numel:
            return torch.empty(self.shape, dtype=self.storage.dtype)
        flat = torch.frombuffer(self.storage.load(), dtype=self.storage.dtype)
        return flat.as_strided(self.shape, self.stride, self.offset).contiguous()


class Array(Stored):
    """A numpy array in a pickle: made empty, filled by its state, read as a tensor."""

    __slots__ = ("tensor",)

    def __init__(self, *_: Any) -> None:
        self.tensor: StoredTensor | None = None

    def set_state(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.fill(shape, kind, fortran, data)

    def fill(self, shape: Any, kind: ArrayType, fortran: bool, data: Any) -> Array:
        raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
        dtype, shape = kind.dtype, tuple(map(int, shape))
        order = range(len(shape)) if fortran else reversed(range(len(shape)))
        stride, step = [0] * len(shape), 1
        for axis in order:
            stride[axis], step = step, step * shape[axis]
        storage = Storage(dtype, len(raw) // dtype.itemsize, lambda: bytearray(raw))
        self.tensor = StoredTensor(storage, 0, shape, tuple(stride))
        self.tensor.check()
        return self

    def read(self) -> Tensor:
        if self.tensor is None:
            raise WeightError("an array in it is empty; download it again")
        return self.tensor.read()


class ArrayType:
    """A numpy dtype in a pickle: numbers in little-endian order, nothing else."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *_: Any) -> None:
        if code not in ARRAY_TYPES:
            raise WeightError(f"it holds an array of type {code!r}; only numbers can be read")
        self.dtype = ARRAY_TYPES[code]

    def set_state(self, state: Any) -> None:
        if state[1] == ">" and self.dtype.itemsize > 1:
            raise WeightError("it holds big-endian arrays; save them again on this machine's kind")


ARRAY_TYPES = {
    "f2": torch.float16, "f4": torch.float32, "f8": torch.float64, "i1": torch.int8, "i2": torch.int16,
    "i4": torch.int32, "i8": torch.int64, "u1": torch.uint8, "b1": torch.bool,
}  # fmt: skip
STORAGES = {
    "HalfStorage": torch.float16, "FloatStorage": torch.float32, "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16, "CharStorage": torch.int8, "ShortStorage": torch.int16,
    "IntStorage": torch.int32, "LongStorage": torch.int64, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip


def read_tensors(contents: object) -> dict[str, Tensor]:
    """A mapping of names to stored tensors, read; WeightError where it holds anything else."""
    if not isinstance(contents, Mapping):
        raise WeightError(f"it holds {_described(contents)} instead of named tensors; pass a state dict")
    for name, value in contents.items():
        if not isinstance(name, str) or not isinstance(value, Stored):
            raise WeightError(f"{name!s:.60} is {_described(value)}, not a tensor; pass a file with a bare state dict")
    return {name: value.read() for name, value in contents.items()}


def _described(value: object) -> str:
    kind = type(value).__name__
    return f"a{'n' if kind[:1].lower() in 'aeiou' else ''} {kind}"
