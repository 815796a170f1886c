"""`torch.save` files, both containers, and TorchScript archives, read without importing classes or running code.

A zip archive holds `<root>/data.pkl` and one record `<root>/data/<key>` per storage (torch >= 1.6; a TorchScript
archive also has code, which is ignored). The older stream is five pickles - magic number, protocol,
system, content, keys - and then the storages. Sizes are checked against the file before memory is allocated.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from styleclip.errors import WeightError
from styleclip.weights.file_state import FileBytes, read_exactly
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.messages import type_name
from styleclip.weights.safe_pickle.lazy_tensors import Storage
from styleclip.weights.safe_pickle.unpickler import ReadBudget, read_pickle

MAGIC = 0x1950A86A20F9469CFC6C
MAX_INDEX_BYTES = 2**22  # of an archive's directory or pickle; the largest published ones have 2**19


def read_zip(path: Path) -> FileTree:
    """An archive of torch or of TorchScript; its tensors are StorageView, its unknown objects InertObject."""
    source = FileBytes(path)
    size = source.size
    with IndexFile(path) as file, zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        data = next((name for name in entries if name.partition("/")[2] == "data.pkl"), None)
        if data is None:
            raise WeightError("it is a zip archive, but not one of torch; unpack it and pass the file inside of it")
        root = data.removesuffix("data.pkl")
        if f"{root}byteorder" in entries and archive.read(_entry(entries, f"{root}byteorder", size)) != b"little":
            raise WeightError("it was saved on a big-endian machine; save it again on this machine's kind")
        index = _StorageIndex(size)

        def storage(dtype: torch.dtype, key: str, numel: int) -> Storage:
            entry = _Entry(source, _entry(entries, f"{root}data/{key}", size))
            _check_size(entry.info.file_size, numel * dtype.itemsize)
            return Storage(dtype, numel, entry.read)

        torchscript = f"{root}constants.pkl" in entries
        pickled = io.BytesIO(archive.read(_entry(entries, data, size)))
        value = read_pickle(pickled, ReadBudget(size), index.persistent(storage), torchscript=torchscript)
        return FileTree("torchscript" if torchscript else "torch", value)


def read_stream(source: Path | bytes, budget: ReadBudget | None = None) -> Any:
    """The value in a file of torch < 1.6, or in the same bytes inside a pickle, charged to its `budget`."""
    stored = _Bytes(source) if isinstance(source, bytes) else FileBytes(source)
    with stored.open() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        budget = budget or ReadBudget(size)
        for expected in (MAGIC, 1001):
            if read_pickle(file, budget) != expected:
                raise WeightError("it does not begin like a torch file; download it again")
        read_pickle(file, budget)  # sizes of C types on the writer's machine
        waiting: dict[str, tuple[torch.dtype, int]] = {}
        spans: dict[str, int] = {}
        index = _StorageIndex(size)

        def storage(dtype: torch.dtype, key: str, numel: int) -> Storage:
            waiting[key] = (dtype, numel)
            return Storage(dtype, numel, lambda start, nbytes: stored.read(spans[key] + start, nbytes))

        content = read_pickle(file, budget, index.persistent(storage))
        for key in read_pickle(file, budget):
            dtype, numel = waiting.pop(_check_storage_key(key))
            _check_size(int.from_bytes(file.read(8), "little"), numel)
            spans[key] = file.tell()
            if file.seek(numel * dtype.itemsize, io.SEEK_CUR) > size:
                raise WeightError("it ends too early; download it again")
        if waiting:
            raise WeightError("it ends too early; download it again")
        return content


class _StorageIndex:
    """The storages of a file by their keys; their announced bytes are checked against the size of the file."""

    def __init__(self, size: int) -> None:
        self.left, self.known = size, dict[str, Storage]()

    def persistent(self, make: Callable[[torch.dtype, str, int], Storage]) -> Callable[[Any], Any]:
        def storage(pid: Any) -> Any:
            if pid[0] == "module":  # a class with its source, of a whole module in the older stream
                return pid[1]
            kind, dtype, key, _location, numel, *view = pid
            if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(numel, int) or any(view):
                raise WeightError("it refers to something else than a storage; save it again with torch >= 1.6")
            if _check_storage_key(key) not in self.known:
                self.left -= numel * dtype.itemsize
                if numel < 0 or self.left < 0:
                    raise WeightError("it announces more numbers than it has bytes; download it again")
                self.known[key] = make(dtype, key, numel)
            return self.known[key]

        return storage


class IndexFile(io.BufferedReader):
    """The file of an archive, for its directory and its pickle; a larger read than MAX_INDEX_BYTES is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb", buffering=0))

    def read(self, size: int | None = -1, /) -> bytes:
        if size and size > MAX_INDEX_BYTES:
            raise WeightError("its directory or its pickle is larger than that of any weights; do not trust it")
        return super().read(size)


class _Entry:
    """An entry of an archive; the first read verifies its checksum."""

    def __init__(self, source: FileBytes, info: zipfile.ZipInfo) -> None:
        self.source, self.info, self.checked = source, info, False

    def read(self, start: int, nbytes: int) -> bytearray:
        with self.source.open() as file:
            file.seek(self.info.header_offset + 26)
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
            first = file.seek(name + extra, io.SEEK_CUR)
            if not self.checked:
                self.check(file)
            file.seek(first + start)
            return read_exactly(file, nbytes)

    def check(self, file: IO[bytes]) -> None:
        crc, left = 0, self.info.file_size
        while chunk := file.read(min(left, 2**20)):
            crc, left = zlib.crc32(chunk, crc), left - len(chunk)
        if crc != self.info.CRC:
            raise WeightError(f"its part {self.info.filename} is damaged; download it again")
        self.checked = True


def _entry(entries: dict[str, zipfile.ZipInfo], name: str, size: int) -> zipfile.ZipInfo:
    """An entry of the archive; raises WeightError unless it is stored without compression, as torch does."""
    if name not in entries:
        raise WeightError(f"its part {name} is missing; download it again")
    if entries[name].compress_type != zipfile.ZIP_STORED:
        raise WeightError("its parts are compressed, which torch never does; save it again with torch.save")
    if entries[name].file_size > size:
        raise WeightError(f"its part {name} is larger than the whole file; do not trust it")
    return entries[name]


def _check_storage_key(key: Any) -> str:
    if not isinstance(key, str):
        raise WeightError(f"it names a storage by {type_name(key)}; download it again")
    return key


def _check_size(found: int, announced: int) -> None:
    if found != announced:
        raise WeightError(f"a tensor's data has the size {found} instead of {announced}; download it again")


class _Bytes:
    """Bytes in memory, with the methods of `FileBytes`."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.content)

    def read(self, start: int, count: int) -> bytearray:
        return read_exactly(io.BytesIO(self.content[start:]), count)
