"""The photos that files, folders and patterns on a command line name."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from styleclip.errors import UsageError
from styleclip.names import different_name, folder_name, same_name

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".jp2"),
    *(".avif", ".heic", ".heif", ".hif"),
)
RESULT_NAMES = (  # patterns of the files that commands write beside the folders of photos
    *("result.json", "*before.png", "*after.png", "comparison.*", "*.safetensors", "photo.*", "aligned.png"),
    *("reconstruction.png", "grid.png", "sweep.*", "video.*", "channels.*"),
)


def find_photos(names: Sequence[str]) -> list[Path]:
    """The photos that `names` mean: files, folders (their pictures, sorted) and patterns such as `holiday/*.jpg`.

    Each path once, in the order of the names. Raises UsageError for a name without a picture.
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _matching_photos(name):
            found.setdefault(os.path.abspath(path), path)
    return list(found.values())


def _matching_photos(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        pictures, where = _photo_files(_list_folder(path)), f"in the folder {name}"
    elif path.exists() or not glob.has_magic(name):
        pictures, where = [path] if path.exists() else [], f"called {name}"
    else:
        pictures, where = _photo_files(map(Path, glob.iglob(name, recursive=True))), f"that matches {name}"
    if not pictures:
        raise UsageError(f"there is no picture {where}; pass a picture, a folder of pictures or a pattern like '*.jpg'")
    return pictures


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot list {folder}: {error.strerror}; choose a folder that you may read") from error


def _photo_files(paths: Iterable[Path]) -> list[Path]:
    return sorted(p for p in paths if p.suffix.lower() in PHOTO_SUFFIXES and not p.name.startswith(".") and p.is_file())


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
