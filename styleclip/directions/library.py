"""The library: the user's directions by name, a safetensors file each; those of a pack are called PACK:NAME.

It needs no torch, so names are looked up and completed at once.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import platformdirs

from styleclip.directions.hub_packs import hub_pack_file
from styleclip.directions.pack_index import INDEX, pack_file
from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.text.names import slug
from styleclip.weights.cache import Fetch, fetch, file_lock
from styleclip.weights.catalog import closest, home, weights
from styleclip.weights.hub import SCHEME
from styleclip.weights.locate import fetched_file, refuse_pipe, require_on_disk
from styleclip.weights.urls import is_url

FOLDER = "directions"
SUFFIX = ".safetensors"
URL_WITH_KEY = re.compile(r"(.+\.safetensors(?:@[^:@]+)?):([^:/]+)")  # URL:KEY


class DirectionFile(NamedTuple):
    """The file of a direction, and the name of the direction in it; None for the only one."""

    path: Path
    key: str | None = None


def library_folder() -> Path:
    """The folder of the library: in STYLECLIP_HOME if that is set, else among the user's data. It may not exist yet."""
    if os.environ.get("STYLECLIP_HOME", ""):
        return home() / FOLDER
    try:
        return platformdirs.user_data_path("styleclip") / FOLDER
    except (RuntimeError, KeyError) as error:  # no HOME, and no such user
        raise UsageError("there is no home folder for the library; set STYLECLIP_HOME to a folder of yours") from error


def library_names() -> list[str]:
    """The names of all entries, sorted."""
    folder = library_folder()
    if not folder.is_dir():
        return []
    files = (path for path in folder.glob(f"*{SUFFIX}") if not path.is_dir())
    return sorted(path.stem for path in files if not path.name.startswith("."))


def entry_path(name: str) -> Path:
    """The file of an entry, which may not exist."""
    return library_folder() / f"{name}{SUFFIX}"


def check_new(name: str, overwrite: bool = False) -> None:
    """Raise UsageError for a name that no entry can have, OutputError for one that an entry has unless `overwrite`."""
    if name != slug(name):
        raise UsageError(f"{name!r} cannot be the name of a direction; call it {slug(name)!r}")
    if not overwrite and entry_path(name).exists():
        raise OutputError(f"the library has a direction {name} already; pass --overwrite or another --name")


@contextmanager
def new_entry(name: str, overwrite: bool = False) -> Iterator[Path]:
    """The path that a new entry is written to, while other processes wait. Raises as `check_new`."""
    check_new(name, overwrite)
    with locked_library():
        check_new(name, overwrite)
        try:
            yield entry_path(name)
        except OutputError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            raise _unwritable(error.__cause__) from error


@contextmanager
def locked_library() -> Iterator[None]:
    """Keep other processes and threads from changing the library; raises OutputError where it cannot be written to."""
    folder, lock = library_folder(), ExitStack()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.enter_context(file_lock(folder / "library"))
    except OSError as error:
        raise _unwritable(error) from error
    with lock:
        yield


def _unwritable(error: OSError) -> OutputError:
    """The error of a library that the disk refuses to write."""
    space = "free some space, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    remedy = f"{space}set STYLECLIP_HOME to a folder of yours"
    return OutputError(f"the library {library_folder()} cannot be written to ({error.strerror}); {remedy}")


def check_entry(name: str) -> None:
    """Raise WeightError for the name of an entry that the library does not have."""
    names = library_names()
    if name not in names:
        published = weights().get(name)
        if published and published.kind == "direction":
            remedy = f"delete {published.on_disk}" if published.on_disk else "it is not on this disk either"
            raise WeightError(f"{name} is in the catalog, not in the library; {remedy}")
        raise WeightError(f"the library has no {name!r}; {_likely(name, names)}")


def remove_entry(name: str) -> Path:
    """Delete an entry of the library, and return its path. Raises WeightError for an unknown name."""
    with locked_library():
        check_entry(name)
        entry_path(name).unlink(missing_ok=True)
    return entry_path(name)


def direction_file(name: str, fetch: Fetch = fetch) -> DirectionFile:
    """The file of a direction by its name.

    `name` is a path, FILE:KEY, FOLDER:KEY of a folder with an index, a URL (also hf://, and with :KEY behind
    .safetensors), a name in the library (NAME, PACK:NAME) or one of the catalog, in this order. Raises WeightError for
    any other.
    """
    if Path(name).is_file():
        return DirectionFile(Path(name))
    if name.startswith(SCHEME) and (pack := hub_pack_file(name, fetch)):
        return DirectionFile(pack)
    if is_url(name):
        keyed = URL_WITH_KEY.fullmatch(name)
        url, key = (keyed[1], keyed[2]) if keyed else (name, None)
        return DirectionFile(fetched_file(url, "direction", fetch) or Path(url), key)
    entry, colon, key = name.rpartition(":")
    if colon and key and Path(entry).is_file():
        return DirectionFile(Path(entry), key)
    for folder, inner in ((name, None), (entry or name, key or None)):
        if Path(folder, INDEX).is_file():
            return DirectionFile(*pack_file(Path(folder), inner))
    if found := _in_library(name):
        return found
    if fetched := fetched_file(name, "direction", fetch):
        return DirectionFile(fetched)
    refuse_pipe(name)
    raise WeightError(f"{name!r} is neither a direction of the library nor a file nor a URL; {_likely(name)}")


def named_file(name: str) -> DirectionFile:
    """The file of a direction by its name in the library, or in the catalog where that file is on this disk.

    A name is no path and no URL here, and nothing is downloaded. Raises WeightError for an unknown name.
    """
    if found := _in_library(name):
        return found
    weight = weights().get(name)
    if weight is None or weight.kind != "direction":
        raise WeightError(f"{name!r} is no direction of the library or the catalog; {_likely(name)}")
    return DirectionFile(require_on_disk(weight))


def _in_library(name: str) -> DirectionFile | None:
    """The file of NAME or PACK:NAME; None where the library has no such entry."""
    names = library_names()
    pack, _, key = name.partition(":")
    if name in names:
        return DirectionFile(entry_path(name))
    return DirectionFile(entry_path(pack), key) if key and pack in names else None


def _likely(name: str, known: list[str] | None = None) -> str:
    """The names that are most like this one, for an error."""
    if known is None:
        known = [*library_names(), *(each.name for each in weights().values() if each.kind == "direction")]
    return f"the closest directions are {closest(name, known)}" if known else "the library is empty"
