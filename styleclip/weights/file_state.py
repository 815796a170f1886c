"""Files that may change while they are read: their state, their bytes and the hash of these."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from styleclip.errors import WeightError

FileState = tuple[int, int, int, int]


def file_state(path: Path) -> FileState:
    """Device, inode, size and time of the last change in ns, which differ after a file was written or replaced."""
    return _state(path.stat())


def _state(status: os.stat_result) -> FileState:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def unchanged_file(path: Path) -> Iterator[None]:
    """Raise WeightError after the block where a file is no longer the one it was before, or is gone."""
    before = file_state(path) if path.is_file() else None
    yield
    if before is not None and (not path.is_file() or file_state(path) != before):
        raise WeightError(f"{path} was changed while it was read; try again when it is complete")


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class FileBytes:
    """The bytes of a file, read on demand, and only while the file is the one that it was at first.

    A file that is mapped instead ends the process where it is cut off, and gives other numbers where it is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.state = path, file_state(path)

    @property
    def size(self) -> int:
        return self.state[2]

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The opened file; raises WeightError before or after the block where it has changed."""
        with self.path.open("rb") as file:
            self._check(file)
            yield file
            self._check(file)

    def read(self, start: int, count: int) -> bytearray:
        """Bytes of the file; raises WeightError where it has changed or ends before them."""
        with self.open() as file:
            file.seek(start)
            return read_exactly(file, count)

    def _check(self, file: BinaryIO) -> None:
        if _state(os.fstat(file.fileno())) != self.state:
            raise WeightError("it was changed while it was read; try again when it is complete")


def read_exactly(file: BinaryIO, count: int) -> bytearray:
    """The next bytes of a file; raises WeightError where it ends before them."""
    buffer, done = bytearray(count), 0
    view = memoryview(buffer)
    while done < count:
        got = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise WeightError("it ends too early; download it again")
        done += got
    return buffer
