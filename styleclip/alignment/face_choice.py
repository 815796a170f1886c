"""The choice among the faces of a photo: the largest, all, or one by its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from styleclip.alignment.face_search import Face, left_to_right, search_sizes
from styleclip.errors import NoFaceError, UsageError

FaceChoice = Literal["largest", "all"] | int  # numbers count from 1, from the left

NO_FACE_REMEDY = (
    "pass --no-align if it is an aligned crop already or the generator draws no faces, another --landmarks, or a "
    "larger picture of a face seen from the front"
)


def choose_faces(
    faces: Sequence[Face], which: FaceChoice = "largest", name: str = "the picture", size: tuple[int, int] | None = None
) -> list[Face]:
    """The chosen faces, from left to right. `name` and `size` of the photo are for the messages.

    Raises NoFaceError where there is no face, or none of that number; UsageError for another `which`.
    """
    if which not in ("largest", "all") and (isinstance(which, (bool, str)) or which < 1):
        raise UsageError(f"{which!r} is no choice of faces; use largest, all or a number from 1")
    if not faces:
        raise NoFaceError(f"no face was found in {name}{_tried_sizes(size)}; {NO_FACE_REMEDY}")
    ordered = left_to_right(faces)
    if which == "all":
        return ordered
    if which == "largest":
        return [max(ordered, key=lambda face: face.area)]
    if which > len(ordered):
        count, numbers = ("1 face", "1") if len(ordered) == 1 else (f"{len(ordered)} faces", f"1 to {len(ordered)}")
        counted = "" if len(ordered) == 1 else ", which count from the left"
        raise NoFaceError(f"{name} has {count} and no number {which}; use {numbers}{counted}")
    return [ordered[which - 1]]


def _tried_sizes(size: tuple[int, int] | None) -> str:
    if size is None:
        return ""
    sizes = [f"{width} x {height}" for width, height in search_sizes(size)]
    return f", looked for in copies of {' and '.join(sizes)} px"
