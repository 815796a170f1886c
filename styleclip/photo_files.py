"""The folders of edits, of latents and of photos, and the names that their files may have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from styleclip.alignment.photo_formats import PhotoFormat
from styleclip.alignment.photos import Photo
from styleclip.inversion.result import INVERSION_FILES
from styleclip.results import COMPANIONS, RESULT_FILES
from styleclip.storage.result_folder import ResultFolder

DEFAULT_FORMAT = PhotoFormat()
FACES = ("", "face_[0-9]*")  # folders of the only face and of several
PHOTO_VIDEOS = ("photo.mp4", "photo.gif")


def latents_folder(folder: Path, keys: Sequence[str], overwrite: bool = False) -> ResultFolder:
    """The folder of edited latents, with a result in the folder of each key; raises as `ResultFolder` does."""
    return ResultFolder(folder, _names(keys, RESULT_FILES), overwrite, _names({"", *keys}, COMPANIONS))


def photo_folder(
    folder: Path,
    photo: Photo,
    keys: Sequence[str],
    photo_format: PhotoFormat = DEFAULT_FORMAT,
    overwrite: bool = False,
) -> ResultFolder:
    """The folder of an edited photo: of each face the results by key and the inversion; raises as `ResultFolder`."""
    pasted = dict.fromkeys(each.file_name(photo) for each in (DEFAULT_FORMAT, photo_format))
    places = [str(Path(face, key)) for face in FACES for key in keys]
    companions = [
        *_names({*FACES, *places}, COMPANIONS),
        *_names([str(Path(face, "inversion")) for face in FACES], INVERSION_FILES),
        *_names({"", *keys}, PHOTO_VIDEOS),
    ]
    return ResultFolder(folder, _names(places, [*RESULT_FILES, *pasted]), overwrite, companions, photo.path)


def _names(places: Sequence[str] | set[str], files: Sequence[str]) -> list[str]:
    return [str(Path(place, file)) for place in places for file in files]
