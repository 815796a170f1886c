"""`torch.save` files, both containers, and TorchScript archives, read by hand: no class is imported, no code is run.

A zip archive holds `<root>/data.pkl` and one record `<root>/data/<key>` per storage (torch >= 1.6; a TorchScript
archive has code beside them, which is never looked at). The older stream is five pickles - magic number, protocol,
system, content, keys - and then the storages. Sizes are checked against the file before any memory is taken.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from styleclip.errors import WeightError
from styleclip.weights.formats.pickles import read_pickle
from styleclip.weights.formats.stored import Storage

MAGIC = 0x1950A86A20F9469CFC6C


def read_zip(path: Path) -> Any:
    """The content of a zip archive; tensors are StoredTensor, unknown objects are Record."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        data = next(name for name in entries if name.partition("/")[2] == "data.pkl")
        root = data.removesuffix("data.pkl")
        if f"{root}byteorder" in entries and archive.read(_plain(entries, f"{root}byteorder", size)) != b"little":
            raise WeightError("it was saved on a big-endian machine; save it again on this machine's kind")
        claims = _Claims(size)

        def storage(dtype: torch.dtype, key: str, numel: int) -> Storage:
            entry = _plain(entries, f"{root}data/{key}", size)
            _agree(entry.file_size, numel * dtype.itemsize)
            return Storage(dtype, numel, partial(_read_entry, path, entry))

        pickled = io.BytesIO(archive.read(_plain(entries, data, size)))
        return read_pickle(pickled, size, claims.persistent(storage), torchscript=f"{root}constants.pkl" in entries)


def read_stream(source: Path | bytes) -> Any:
    """The content of a file of torch < 1.6, or of the same bytes inside of a pickle."""
    with _opened(source) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        for expected in (MAGIC, 1001):
            if read_pickle(file, size) != expected:
                raise WeightError("it does not begin like a torch file; download it again")
        read_pickle(file, size)  # sizes of C types on the writer's machine
        waiting: dict[str, tuple[torch.dtype, int]] = {}
        spans: dict[str, int] = {}
        claims = _Claims(size)

        def storage(dtype: torch.dtype, key: str, numel: int) -> Storage:
            waiting[key] = (dtype, numel)
            return Storage(dtype, numel, lambda: _read_span(source, spans[key], numel * dtype.itemsize))

        content = read_pickle(file, size, claims.persistent(storage))
        for key in read_pickle(file, size):
            dtype, numel = waiting.pop(key)
            _agree(int.from_bytes(file.read(8), "little"), numel)
            spans[key] = file.tell()
            if file.seek(numel * dtype.itemsize, io.SEEK_CUR) > size:
                raise WeightError("it ends too early; download it again")
        if waiting:
            raise WeightError("it ends too early; download it again")
        return content


class _Claims:
    """Counts the bytes that the storages of a file announce, each once, and stops at those it has."""

    def __init__(self, size: int) -> None:
        self.left, self.known = size, dict[str, Storage]()

    def persistent(self, make: Callable[[torch.dtype, str, int], Storage]) -> Callable[[Any], Storage]:
        def storage(pid: Any) -> Storage:
            kind, dtype, key, _location, numel, *view = pid
            if kind != "storage" or not isinstance(dtype, torch.dtype) or any(view):
                raise WeightError(f"it refers to a {kind!s:.40} instead of a storage; save it again with torch >= 1.6")
            if key not in self.known:
                self.left -= numel * dtype.itemsize
                if numel < 0 or self.left < 0:
                    raise WeightError("it announces more numbers than it has bytes; download it again")
                self.known[key] = make(dtype, str(key), numel)
            return self.known[key]

        return storage


def _plain(entries: dict[str, zipfile.ZipInfo], name: str, size: int) -> zipfile.ZipInfo:
    """An entry of the archive that is stored as it is, as torch stores all of them."""
    if name not in entries:
        raise WeightError(f"its part {name!s:.60} is missing; download it again")
    entry = entries[name]
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
        raise WeightError("its parts are compressed, which torch never does; save it again with torch.save")
    return entry


def _agree(found: int, announced: int) -> None:
    if found != announced:
        raise WeightError(f"a tensor's data has the size {found} instead of {announced}; download it again")


def _read_entry(path: Path, entry: zipfile.ZipInfo) -> bytearray:
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
        file.seek(name + extra, io.SEEK_CUR)
        data = _filled(file, bytearray(entry.file_size))
    if zlib.crc32(data) != entry.CRC:
        raise WeightError(f"its part {entry.filename} is damaged; download it again")
    return data


def _read_span(source: Path | bytes, start: int, nbytes: int) -> bytearray:
    with _opened(source) as file:
        file.seek(start)
        return _filled(file, bytearray(nbytes))


def _filled(file: io.BufferedReader | io.BytesIO, buffer: bytearray) -> bytearray:
    view, done = memoryview(buffer), 0
    while done < len(buffer):
        count = file.readinto(view[done:])
        if not count:
            raise WeightError("it ends too early; download it again")
        done += count
    return buffer


def _opened(source: Path | bytes) -> io.BufferedReader | io.BytesIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
