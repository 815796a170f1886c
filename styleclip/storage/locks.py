"""Locks of files and of outputs: exclusive between processes and threads, and free again when their process ends."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from styleclip.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FOLDER_LOCK = ".styleclip.lock"  # within the folder
LOCK_ATTEMPTS = 100  # of opening a lock file that another process is removing
_held: dict[Path, int] = {}  # lock file -> thread that holds it
_held_guard = threading.Lock()


def try_lock(descriptor: int) -> bool | None:
    """Take the exclusive lock of an open file, which ends with the process: whether it was free.

    None where files cannot be locked: on Windows, where an open file cannot be moved either, and on some network file
    systems.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
    return True


def is_same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file still has this name."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and os.path.samestat(os.fstat(descriptor), found)


@contextmanager
def output_lock(target: Path, is_folder: bool = False) -> Iterator[bool]:
    """Keep other processes and threads from writing `target`, a file or a folder, until the end of the block.

    The value says whether it is the first of this thread, which may take a lock again that it holds. The lock is a file
    within the folder, or beside the file, that is removed at the end; that of a killed process is free. Where files
    cannot be locked, the lock of a process that no longer runs on this machine is taken over.

    Raises OutputError where another one holds it, OSError where the lock cannot be written.
    """
    path = _lock_path(target, is_folder)
    with _held_guard:
        holder = _held.get(path)
        if holder is None:
            descriptor = _acquire(path, target)
            _held[path] = threading.get_ident()
    if holder == threading.get_ident():
        yield False
        return
    if holder is not None:
        raise _in_use_error(target, os.getpid())
    try:
        yield True
    finally:
        with _held_guard:
            del _held[path]
            _release(path, descriptor)


def _lock_path(target: Path, is_folder: bool) -> Path:
    if is_folder:
        return Path(os.path.realpath(target), FOLDER_LOCK)
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]  # the name may have 255 bytes
    return Path(os.path.realpath(target.parent), f".styleclip-{digest}.lock")


def _acquire(path: Path, target: Path) -> int:
    """The descriptor of the lock file, which names this process."""
    for _ in range(LOCK_ATTEMPTS):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        locked, holder = try_lock(descriptor), _read_holder(descriptor)
        if locked is False or (locked is None and _is_running(holder)):
            os.close(descriptor)
            raise _in_use_error(target, holder.get("pid"), path if locked is None else None)
        if is_same_file(descriptor, path):
            try:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())
            except OSError:
                _release(path, descriptor)
                raise
            return descriptor
        os.close(descriptor)  # its holder removed it between the two calls
    raise _in_use_error(target, None)


def _release(path: Path, descriptor: int) -> None:
    """Remove the lock file before its lock ends, so that nobody waits for a removed one; on Windows afterwards."""
    if fcntl is None:
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    if fcntl is not None:
        os.close(descriptor)


def _read_holder(descriptor: int) -> dict[str, object]:
    try:
        found = json.loads(os.pread(descriptor, 1000, 0) if hasattr(os, "pread") else os.read(descriptor, 1000))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_running(holder: dict[str, object]) -> bool:
    """Whether the process that a lock names runs on this machine; false where that cannot be found out."""
    pid = holder.get("pid")
    if holder.get("host") != platform.node() or not isinstance(pid, int) or pid <= 0 or os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True


def _in_use_error(target: Path, pid: object, lock: Path | None = None) -> OutputError:
    who = f" (process {pid})" if isinstance(pid, int) else ""
    remedy = "wait until that ends or choose another --out" + (f"; if none runs, delete {lock}" if lock else "")
    return OutputError(f"{target} is being written by another styleclip{who}; {remedy}")
