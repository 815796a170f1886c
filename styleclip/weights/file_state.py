"""The state of a file on this disk: whether it is still the one that was read, and the hash of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from styleclip.errors import WeightError

FileState = tuple[int, int, int, int]


def file_state(path: Path) -> FileState:
    """Device, inode, size and time of the last change in ns, which differ after a file was written or replaced."""
    status = path.stat()
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
