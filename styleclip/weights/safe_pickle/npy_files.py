"""numpy's `.npy` and `.npz` files. Arrays of objects are pickles, which are read like all others: inert.

An `.npy` is a header (dtype, order, shape) and the numbers; an `.npz` is a zip archive of them, compressed or not.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.file_state import FileBytes
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.safe_pickle.lazy_arrays import LazyArray, not_numbers
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, Shape, shape_from
from styleclip.weights.safe_pickle.torch_files import read_stream
from styleclip.weights.safe_pickle.unpickler import ReadBudget, read_pickle

SUFFIX = ".npy"  # of the entries of an archive
VERSIONS = ((1, 0), (2, 0), (3, 0))
NUMBERS = "biuf"  # kinds of dtypes that torch has
MAX_UNPACKED = 64  # bytes of an array per byte of its compressed archive; random numbers have about 1.1

Source = Callable[[], AbstractContextManager[IO[bytes]]]


class NpyArray(LazyTensor):
    """An array whose numbers are read on demand; `source` opens its file."""

    __slots__ = ("_shape", "dtype", "fortran", "offset", "source")

    def __init__(
        self,
        source: Source,
        offset: int,
        shape: Shape,
        dtype: np.dtype[Any],
        fortran: bool,
    ) -> None:
        self.source, self.offset, self._shape, self.dtype, self.fortran = source, offset, shape, dtype, fortran

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def is_real(self) -> bool:
        return self.dtype.kind == "f"

    def read(self) -> Tensor:
        return self.rows(None)

    def rows(self, count: int | None) -> Tensor:
        """The first rows, or all; those of an array in C order are read without the rest."""
        shape = self.shape if count is None or self.fortran else (min(count, self.shape[0]), *self.shape[1:])
        size = math.prod(shape) * self.dtype.itemsize
        with self.source() as file:
            file.seek(self.offset)
            data = bytearray(file.read(size))
        if len(data) != size:
            raise WeightError("it ends too early; download it again")
        flat = np.frombuffer(data, self.dtype)
        array = flat.reshape(shape, order="F" if self.fortran else "C")[:count]
        return torch.from_numpy(np.ascontiguousarray(array, self.dtype.newbyteorder("=")).reshape(array.shape))


def read_npy(path: Path) -> FileTree:
    """The array of an `.npy`; the values of one of objects, the only value where it has no axes."""
    source = FileBytes(path)
    return FileTree("npy", _read_array(source.open, source.size))


def read_npz(path: Path, archive: zipfile.ZipFile) -> FileTree:
    """The arrays of an `.npz` by name."""
    source = FileBytes(path)
    size, arrays = source.size, {}
    for entry in archive.infolist():
        if entry.file_size > MAX_UNPACKED * size:
            raise WeightError("its arrays are many times larger than the file; do not trust it")
        arrays[entry.filename.removesuffix(SUFFIX)] = _read_array(
            partial(_open_entry, source, entry.filename), entry.file_size
        )
    return FileTree("npz", arrays)


def is_npz(archive: zipfile.ZipFile) -> bool:
    names = archive.namelist()
    return bool(names) and all(name.endswith(SUFFIX) for name in names)


@contextmanager
def _open_entry(source: FileBytes, name: str) -> Iterator[IO[bytes]]:
    with source.open() as file, zipfile.ZipFile(file).open(name) as entry:
        yield entry


def _read_array(source: Source, size: int) -> Any:
    with source() as file:
        version = np.lib.format.read_magic(file)
        if version not in VERSIONS:
            raise WeightError(f"its format is {short_repr(version)}, which numpy has not; save it again")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject and dtype.names is None:
            budget = ReadBudget(size)
            value = read_pickle(file, budget, nested=partial(read_stream, budget=budget))
            return value.objects if isinstance(value, LazyArray) and value.objects is not None else value
        if not _are_numbers(dtype):
            unread = LazyArray()  # an error where it is used; an archive may hold others
            unread.problem = not_numbers(f"type {short_repr(str(dtype))}")
            return unread
        shape = shape_from(shape)
        if file.tell() + math.prod(shape) * dtype.itemsize > size:
            raise WeightError(f"its array {short_repr(shape)} is larger than the file; download it again")
        return NpyArray(source, file.tell(), shape, dtype, fortran)


def _are_numbers(dtype: np.dtype[Any]) -> bool:
    plain = dtype.names is None and dtype.subdtype is None
    return plain and dtype.kind in NUMBERS and dtype.itemsize in (1, 2, 4, 8)
