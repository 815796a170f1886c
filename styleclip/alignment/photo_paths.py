"""The photos that files, folders and patterns on a command line name."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from styleclip.alignment.photo_kinds import (
    HEAD_BYTES,
    OTHER_SUFFIXES,
    PHOTO_SUFFIXES,
    UNSUPPORTED_SUFFIXES,
    is_photo_head,
    kind_by_head,
    kind_by_suffix,
    remedy,
)
from styleclip.errors import UsageError
from styleclip.text.names import different_name, folder_name, same_name

PHOTO = "a photo"
RESULT_NAMES = (  # patterns of the files that commands write beside the folders of photos
    *("result.json", "*before.png", "*after.png", "comparison.*", "*.safetensors", "photo.*", "aligned.png"),
    *("reconstruction.png", "grid.png", "sweep.*", "video.*", "channels.*"),
)


@dataclass(frozen=True)
class FoundPhotos:
    """The photos that names mean, and the files beside them in folders that are known to be none.

    Args:
        photos: each once, in the order of the names.
        skipped: what a skipped file is, with the remedy: "is a video; save one frame of it as JPEG or PNG".
    """

    photos: list[Path] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)


def find_photos(names: Sequence[str]) -> FoundPhotos:
    """The photos that `names` mean: files, folders (their pictures, sorted) and patterns such as `holiday/*.jpg`.

    In folders and patterns a photo is known by its suffix, under another or no suffix by its first bytes; a picture of
    a kind that does not open counts as a photo, so that it is told. Raises UsageError for a name without a picture.
    """
    photos: dict[str, Path] = {}
    skipped: dict[str, tuple[Path, str]] = {}
    for name in names:
        found = _matching_photos(name)
        for path in found.photos:
            photos.setdefault(os.path.abspath(path), path)
        for path, reason in found.skipped.items():
            skipped.setdefault(os.path.abspath(path), (path, reason))
    return FoundPhotos([*photos.values()], dict(value for key, value in skipped.items() if key not in photos))


def _matching_photos(name: str) -> FoundPhotos:
    path = Path(name)
    if path.is_dir():
        found, where = _photo_files(_list_folder(path)), f"in the folder {name}"
    elif path.exists() or not glob.has_magic(name):
        found, where = FoundPhotos([path] if path.exists() else []), f"called {name}"
    else:
        found, where = _photo_files(map(Path, glob.iglob(name, recursive=True))), f"that matches {name}"
    if not found.photos:
        others = "".join(f" ({each.name} {reason.partition(';')[0]})" for each, reason in [*found.skipped.items()][:1])
        remedy = "pass a picture, a folder of pictures or a pattern like '*.jpg'"
        raise UsageError(f"there is no picture {where}{others}; {remedy}")
    return found


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot list {folder}: {error.strerror}; choose a folder that you may read") from error


def _photo_files(paths: Iterable[Path]) -> FoundPhotos:
    """The photos among files, sorted; hidden files are left out."""
    found = FoundPhotos()
    for path in sorted(paths):
        if path.name.startswith(".") or not (path.is_file() or (path.is_symlink() and not path.exists())):
            continue
        kind = _kind_in_folder(path)
        if kind == PHOTO:
            found.photos.append(path)
        elif kind is not None:
            found.skipped[path] = f"is {kind}; {remedy(kind)}"
    return found


def _kind_in_folder(path: Path) -> str | None:
    """`PHOTO`, the kind of a file that people take for one, or None; a symbolic link to nothing goes by its name."""
    by_suffix = kind_by_suffix(path.name)
    if path.suffix.lower() in PHOTO_SUFFIXES or (by_suffix and by_suffix not in OTHER_SUFFIXES):
        return PHOTO
    head = _read_head(path)
    by_head = kind_by_head(head)
    if is_photo_head(head) or (by_head in UNSUPPORTED_SUFFIXES and not by_suffix):
        return PHOTO
    return by_suffix or (by_head if by_head in OTHER_SUFFIXES else None)


def _read_head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def output_folders(photos: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """The folder of each of several photos: its name without the suffix, with it where two would share one.

    Every folder lies in `folder`, whatever a photo is called, and none has the name of a result.
    """
    names: dict[Path, str] = {}
    for photo in photos:
        alike = sum(same_name(photo.stem, other.stem) for other in photos)
        short, long = (_photo_folder_name(name) for name in (photo.stem, photo.name))
        names[photo] = different_name(short if alike == 1 else long, long, names.values())
    return {photo: folder / name for photo, name in names.items()}


def _photo_folder_name(name: str) -> str:
    own = folder_name(name)
    is_result = any(fnmatch.fnmatch(own.lower(), pattern) for pattern in RESULT_NAMES)
    return own.replace(".", "_") if is_result else own
