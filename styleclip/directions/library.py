"""The library: the user's directions by name, a safetensors file each; those of a pack are called PACK:NAME."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import platformdirs

from styleclip.errors import UsageError, WeightError
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.catalog import closest, home, weights
from styleclip.weights.locate import fetched_file, refuse_pipe, require_on_disk

FOLDER = "directions"
SUFFIX = ".safetensors"


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
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def direction_file(name: str, fetch: Fetch = fetch) -> DirectionFile:
    """The file of a direction by a path, FILE:KEY, a URL, its name in the library (NAME, PACK:NAME) or in the catalog.

    Raises WeightError for an unknown name.
    """
    path = Path(name)
    if path.is_file():
        return DirectionFile(path)
    if fetched := fetched_file(name, "direction", fetch):
        return DirectionFile(fetched)
    entry, colon, key = name.rpartition(":")
    if colon and key and Path(entry).is_file():
        return DirectionFile(Path(entry), key)
    if found := _in_library(name):
        return found
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
    pack, _, key = name.rpartition(":")
    if name in names:
        return DirectionFile(library_folder() / f"{name}{SUFFIX}")
    return DirectionFile(library_folder() / f"{pack}{SUFFIX}", key) if key and pack in names else None


def _likely(name: str) -> str:
    """The names that are most like this one, for an error."""
    known = [*library_names(), *(each.name for each in weights().values() if each.kind == "direction")]
    return f"the closest directions are {closest(name, known)}" if known else "the library is empty"
