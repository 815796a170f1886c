"""Tensors and arrays in a file: shapes at once, numbers on demand, sizes checked against the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import short_repr, type_name

MAX_AXES = 64  # of a numpy array
MAX_SIZE = 2**62  # a size, a stride or an offset
UNCOUNTED_BYTES = 2**20  # that every budget adds to the size of the file
SKIPPED_PER_READ = 16  # skipped numbers that cost as much as one that is read

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Storage:
    """`numel` contiguous elements in a file; `load(start, nbytes)` reads some of their bytes."""

    type_name: ClassVar[str] = "storage"
    dtype: torch.dtype
    numel: int
    load: Callable[[int, int], bytearray]


class LazyTensor:
    """A tensor in a file: the shape is known, the numbers are read on demand."""

    __slots__ = ()
    type_name = "tensor"

    @property
    def shape(self) -> Shape:
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """The bytes that `read` allocates; 0 for tensors that cannot share bytes with others."""
        return 0

    @property
    def is_real(self) -> bool:
        """Whether the numbers are floats; true also where only reading tells."""
        return True

    def read(self) -> Tensor:
        raise NotImplementedError


class ComputedTensor(LazyTensor):
    """A tensor of a known shape computed by `compute`, e.g. from others in the file."""

    __slots__ = ("_shape", "compute")

    def __init__(self, shape: Iterable[int], compute: Callable[[], Tensor]) -> None:
        self._shape, self.compute = tuple(shape), compute

    @property
    def shape(self) -> Shape:
        return self._shape

    def read(self) -> Tensor:
        return self.compute()


class ConvertedTensor(LazyTensor):
    """A tensor in another layout, e.g. transposed; tensors are read and converted one by one."""

    __slots__ = ("convert", "source")

    def __init__(self, source: AnyTensor, convert: Callable[[Tensor], Tensor]) -> None:
        self.source, self.convert = source, convert

    @property
    def shape(self) -> Shape:
        return tuple(self.convert(torch.empty(self.source.shape, device="meta")).shape)

    def read(self) -> Tensor:
        return self.convert(read_tensor(self.source))


class StorageView(LazyTensor):
    """A view of a storage; raises WeightError where it reaches beyond the end."""

    __slots__ = ("_shape", "offset", "storage", "stride")

    def __init__(self, storage: Storage, offset: Any, shape: Iterable[Any], stride: Iterable[Any]) -> None:
        [self.offset] = shape_from([offset])
        self.storage, self._shape, self.stride = storage, shape_from(shape), shape_from(stride)
        if self.offset + self.span > storage.numel:
            raise WeightError(
                f"a tensor of shape {list(self.shape)} does not fit in the {storage.numel} numbers stored for it; "
                "download the file again"
            )

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def is_real(self) -> bool:
        return self.storage.dtype.is_floating_point

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def span(self) -> int:
        """The elements of the storage from the first of the tensor to its last."""
        last = sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        return last + 1 if self.numel else 0

    @property
    def nbytes(self) -> int:
        return max(self.numel, self.span // SKIPPED_PER_READ) * self.storage.dtype.itemsize

    def read(self) -> Tensor:
        dtype = self.storage.dtype
        if not self.numel:
            return torch.empty(self.shape, dtype=dtype)
        data = self.storage.load(self.offset * dtype.itemsize, self.span * dtype.itemsize)
        return torch.frombuffer(data, dtype=dtype).as_strided(self.shape, self.stride).contiguous()


def shape_from(numbers: Iterable[Any]) -> Shape:
    """The shape, strides or offset in a file, checked."""
    sizes = tuple(map(int, numbers))
    if len(sizes) > MAX_AXES or not all(0 <= size <= MAX_SIZE for size in sizes):
        raise WeightError("a tensor in it has a shape that no tensor has; do not trust it")
    return sizes


def strides_of(shape: Shape, fortran: bool) -> Shape:
    """The strides of a contiguous array in C or Fortran order."""
    sizes = shape if fortran else shape[::-1]
    steps = tuple(math.prod(sizes[:axis]) for axis in range(len(sizes)))
    return steps if fortran else steps[::-1]


STORAGES = {
    "HalfStorage": torch.float16, "FloatStorage": torch.float32, "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16, "CharStorage": torch.int8, "ShortStorage": torch.int16,
    "IntStorage": torch.int32, "LongStorage": torch.int64, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip


AnyTensor = Tensor | LazyTensor


def read_tensor(tensor: AnyTensor) -> Tensor:
    """The tensor itself, or the numbers of a LazyTensor."""
    return tensor.read() if isinstance(tensor, LazyTensor) else tensor


def dtype_name(tensor: Tensor) -> str:
    """The dtype in numpy's words: float32, uint8."""
    return str(tensor.dtype).removeprefix("torch.")


def read_tensors(table: object) -> dict[str, Tensor]:
    """The tensors of `named_tensors`, read."""
    return {name: tensor.read() for name, tensor in named_tensors(table).items()}


def named_tensors(table: object) -> dict[str, LazyTensor]:
    """A mapping of names to tensors, none of which is read; WeightError where it holds anything else."""
    if not isinstance(table, Mapping):
        raise WeightError(f"it holds {type_name(table)} instead of named tensors; pass a state dict")
    for name, value in table.items():
        if not isinstance(name, str) or not isinstance(value, LazyTensor):
            raise WeightError(
                f"{short_repr(name)} is {type_name(value)}, not a tensor; pass a file with a bare state dict"
            )
        if not name.isprintable():
            raise WeightError(f"the name {short_repr(name)} has control characters; do not trust it")
    check_sharing(table.values())
    return dict(table)


def check_sharing(tensors: Collection[LazyTensor]) -> None:
    """Raise WeightError where one tensor has so many names that reading all of them could exhaust the memory."""
    distinct = {id(each): each.nbytes for each in tensors}
    if sum(each.nbytes for each in tensors) > 2 * sum(distinct.values()) + UNCOUNTED_BYTES:
        raise WeightError("it holds the same tensor under many names; do not trust it")
