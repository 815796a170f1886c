"""Files and folders: atomic writes, output folders, strict JSON, the versions a result depends on."""

from __future__ import annotations

import dataclasses
import errno
import functools
import json
import math
import os
import platform
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Any

from styleclip.errors import OutputError, UsageError
from styleclip.storage.temporaries import create_temporary, final_path, is_temporary, remove_stale_temporaries
from styleclip.text.printable import printable_json
from styleclip.version import __version__

_written: ContextVar[list[Path] | None] = ContextVar("written", default=None)  # by `atomic_path`, in `written_files`


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = {name: _package_version(name) for name in ("torch", "torchvision", "open_clip_torch")}
    return {"styleclip": __version__, "python": platform.python_version(), **packages}


def to_json(value: object) -> str:
    r"""Strict JSON of dataclasses, mappings, sequences and scalars; NaN and infinity become null, the rest `str`.

    Control characters and the bytes of names that are not UTF-8 are written as `\uXXXX`.
    """
    return printable_json(json.dumps(_to_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def atomic_write(path: Path, content: bytes) -> Path:
    """Write a whole file or none, making its folder when needed. Raises OutputError where that cannot be done."""
    with atomic_path(path) as temporary, open(temporary, "r+b") as file:
        file.write(content)
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """An empty temporary file beside `path`, of the same suffix, that takes its place when the block ends well.

    For writers that want a path of their own. Raises OutputError for what the disk refuses; leaves nothing half done.
    A path that is such a temporary already is written directly.
    """
    if is_temporary(path):
        yield path
        return
    with naming_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_once(path.parent.absolute())
        temporary = create_temporary(path)
        try:
            yield temporary.path
            temporary.sync()
            os.replace(temporary.path, path)
            note_written(path)
        finally:
            temporary.close()


@contextmanager
def written_files() -> Iterator[list[Path]]:
    """The list of files that `atomic_path` has completed since the block began, in their order."""
    files: list[Path] = []
    token = _written.set(files)
    try:
        yield files
    finally:
        _written.reset(token)


def note_written(path: Path) -> None:
    """Add a file to those of `written_files`, if there is such a block."""
    if (files := _written.get()) is not None:
        files.append(path)


def kept_files() -> str:
    """What is kept of the files of `written_files`, as words of a message: `kept out/a.png`, `nothing was kept`."""
    files = [path for path in dict.fromkeys(_written.get() or ()) if path.exists() and path == final_path(path)]
    folders = {path.parent for path in files}
    if not files:
        return "nothing was kept"
    if len(files) == 1:
        return f"kept {files[0]}"
    place = f" in {folders.pop()}" if len(folders) == 1 else f", the last is {files[-1]}"
    return f"kept {len(files)} files{place}"


@functools.cache
def _remove_stale_once(folder: Path) -> None:
    """Remove what killed processes left in a folder, before the first file that this process writes there."""
    remove_stale_temporaries(folder)


@contextmanager
def naming_disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses while `path` is written into an OutputError with its remedy."""
    try:
        yield
    except OSError as error:
        raise OutputError(_disk_error_message(path, error)) from error


def output_folder(folder: Path, patterns: Sequence[str], overwrite: bool = False, source: Path | None = None) -> Path:
    """Make `folder` and see that it can be written to and holds no earlier results, by the `patterns` of their names.

    Raises OutputError otherwise; `overwrite` allows earlier results. Raises UsageError where `source`, a file that the
    results are made from, is one of them.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
        remove_stale_temporaries(folder)
    except OSError as error:
        raise OutputError(_disk_error_message(folder, error)) from error
    earlier = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if earlier and not overwrite:
        raise OutputError(f"{folder} already holds results ({earlier[0].name}); pass --overwrite or another --out")
    refuse_folders(earlier)
    if any(is_same_path(path, source) for path in earlier):
        raise UsageError(f"{source} has the name of a result and would be replaced by it; pass another --out")
    return folder


def refuse_folders(paths: Iterable[Path]) -> None:
    """Raise OutputError where a folder has the name of a file that is to be written."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            raise OutputError(f"{path} is a folder, but a file is to have its name; move it or pass another --out")


def is_same_path(path: Path, source: Path | None) -> bool:
    """Whether both are one file; a link that leads nowhere is no file."""
    return source is not None and path.exists() and source.exists() and path.samefile(source)


def _disk_error_message(path: Path, error: OSError) -> str:
    remedies = {
        errno.ENOSPC: ("the disk is full", "free some space or choose another folder with --out"),
        errno.EDQUOT: ("the disk quota is used up", "free some space or choose another folder with --out"),
        errno.EACCES: ("permission denied", "choose a folder of yours with --out"),
        errno.EPERM: ("permission denied", "choose a folder of yours with --out"),
        errno.EROFS: ("the disk is read-only", "choose another folder with --out"),
        errno.ENOTDIR: ("a part of the path is a file", "choose another folder with --out"),
        errno.EEXIST: ("a file of that name is in the way", "choose another folder with --out"),
        errno.EMFILE: ("too many files are open", "raise the limit with `ulimit -n`"),
        errno.EFBIG: ("files may not be that large", "raise `ulimit -f` or choose another disk with --out"),
        errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one with --out"),
    }
    other = error.strerror or " ".join(str(error).split())[:200]
    reason, remedy = remedies.get(error.errno or 0, (other, "choose another folder with --out"))
    return f"cannot write {final_path(path)}: {reason}; {remedy}"


def _package_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _to_plain(value: object) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    return str(value)
