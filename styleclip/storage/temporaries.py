"""Temporary files beside their target: unique names, held by a lock, so that those of a killed process are recognised.

A temporary is called `.styleclip-XXXXXXXXXXXXXXXX.tmp` and the suffix of its target, with 16 random hexadecimal digits.
A folder for new results, within that of the earlier ones, ends in `.new` (`result_folder`).
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from styleclip.storage.locks import is_same_file, try_lock

NAME = re.compile(r"\.styleclip-[0-9a-f]{16}\.tmp(\.\w{1,16})?")
STAGING_NAME = re.compile(r"\.styleclip-[0-9a-f]{16}\.(new|swap|old)")
MAX_AGE_SECONDS = 24 * 3600.0  # of a temporary without a lock, where files cannot be locked
FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
ATTEMPTS = 100  # names that are tried before giving up


@dataclass
class Temporary:
    """A new, empty file. Its lock ends with the process, or with `close`.

    Args:
        path: its name, which no other file had.
        descriptor: holds the lock; None where files cannot be locked.
    """

    path: Path
    descriptor: int | None

    def sync(self) -> None:
        """Make sure that the content is on the disk, which may report that it is full only now."""
        if self.descriptor is not None:
            os.fsync(self.descriptor)
            return
        with open(self.path, "r+b") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Release the lock, and remove the file unless it was moved away."""
        with suppress(OSError):
            self.path.unlink()
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def create_temporary(target: Path) -> Temporary:
    """A temporary beside `target`, with its suffix and the permissions of any new file; raises OSError."""
    suffix = target.suffix if re.fullmatch(r"\.\w{1,16}", target.suffix, re.ASCII) else ""
    for _ in range(ATTEMPTS):
        path = target.with_name(f".styleclip-{secrets.token_hex(8)}.tmp{suffix}")
        try:
            descriptor = os.open(path, FLAGS, 0o666)
        except FileExistsError:
            continue
        locked = try_lock(descriptor)
        if locked is None:
            os.close(descriptor)
            return Temporary(path, None)
        if locked and is_same_file(descriptor, path):
            return Temporary(path, descriptor)
        os.close(descriptor)  # `remove_stale_temporaries` of another process came between
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def final_path(path: Path) -> Path:
    """Where a file in a folder for new results will lie; other paths are returned as they are."""
    parts = [part for part in path.parts if not STAGING_NAME.fullmatch(part)]
    return path if len(parts) == len(path.parts) else Path(*parts)


def is_temporary(path: Path) -> bool:
    """Whether a file has the name of a temporary."""
    return NAME.fullmatch(path.name) is not None


def remove_stale_temporaries(folder: Path) -> None:
    """Remove the temporaries that killed processes left in a folder; those in use stay."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_if_stale(Path(entry.path))


def _remove_if_stale(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            locked = try_lock(descriptor)
            is_old = time.time() - os.fstat(descriptor).st_mtime > MAX_AGE_SECONDS
            stale = is_old if locked is None else locked and is_same_file(descriptor, path)
            if stale and locked:
                path.unlink()
        finally:
            os.close(descriptor)
        if stale and locked is None:
            path.unlink()
