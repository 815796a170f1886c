"""A photo -> the square frames that an encoder takes, each with the way back into the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from styleclip.alignment.face_choice import FaceChoice, choose_faces
from styleclip.alignment.face_search import Detector, Face
from styleclip.alignment.framing import FFHQ, Framing, center_quad, crop, is_aligned, is_square
from styleclip.alignment.photos import Photo
from styleclip.errors import NoFaceError, PhotoError, UsageError

ALREADY_ALIGNED = "was aligned already"


@dataclass(frozen=True, eq=False)
class Aligned:
    """A square frame of a photo, for a generator.

    `quad` [4, 2] float64 (TL, BL, BR, TR; px of the photo, whole numbers are centres of pixels) is where the frame
    lies; None: it is the whole picture.
    """

    photo: Photo
    frame: Image.Image  # RGB, square
    quad: NDArray[np.float64] | None = None
    face: Face | None = None  # None where nobody looked for one
    note: str = ""  # what a person may want to know, such as "was aligned already"


def align(
    photo: Photo,
    detector: Detector | None,
    framing: Framing = FFHQ,
    size: int = 256,
    which: FaceChoice = "largest",
    force: bool | None = None,
    transform_size: int | None = None,
) -> list[Aligned]:
    """The faces of a photo that are meant (`choose_faces`), framed, as pictures of `size` px; at least one.

    `force` None leaves pictures that are aligned crops already as they are, False takes every picture as it is and
    never looks for faces, True always aligns. With no `detector`, for generators of other things than faces, the frame
    is the largest square in the middle. `transform_size` is that of `crop`.

    Raises NoFaceError; PhotoError for a picture that should be taken as it is and is no square; UsageError for
    arguments that contradict each other.
    """
    if force and detector is None:
        raise UsageError("this generator draws no faces, so there is nothing to align; leave --align out")
    if force is False:
        return [_use_whole(photo, size)]
    if detector is None:
        return [_center_crop(photo, size)]
    if force is None and photo.aligned and is_square(photo.image.size):
        return [_use_whole(photo, size, note=ALREADY_ALIGNED)]
    faces = choose_faces(detector(photo.image), which, photo.name, photo.image.size)
    return [_crop_face(photo, face, framing, size, transform_size, keep=force is None) for face in faces]


def _crop_face(
    photo: Photo, face: Face, framing: Framing, size: int, transform_size: int | None, keep: bool
) -> Aligned:
    """The frame of one face; the whole picture if that is nearly it already and `keep` allows it."""
    try:
        quad = framing.quad(face.landmarks)
        if keep and is_aligned(quad, photo.image.size):
            return _use_whole(photo, size, face, ALREADY_ALIGNED)
        return Aligned(photo, crop(photo.image, quad, size, transform_size), quad, face)
    except NoFaceError as error:
        raise NoFaceError(f"{photo.name}: {error}") from error


def _use_whole(photo: Photo, size: int, face: Face | None = None, note: str = "") -> Aligned:
    if not is_square(photo.image.size):
        width, height = photo.image.size
        raise PhotoError(f"{photo.name} is {width} x {height} px and no square; crop it to one or let it be aligned")
    return Aligned(photo, _resize(photo.image, size), None, face, note)


def _center_crop(photo: Photo, size: int) -> Aligned:
    """The largest square in the middle: whole pixels, so it is cut and not transformed."""
    quad = center_quad(photo.image.size)
    if photo.image.width == photo.image.height:
        return Aligned(photo, _resize(photo.image, size))
    left, top, right, bottom = (int(x) for x in (*(quad[0] + 0.5), *(quad[2] + 0.5)))
    return Aligned(photo, _resize(photo.image.crop((left, top, right, bottom)), size), quad)


def _resize(picture: Image.Image, size: int) -> Image.Image:
    if size < 1:
        raise UsageError(f"a frame of {size} px is not possible; use 1 px or more")
    return picture.resize((size, size), Image.Resampling.LANCZOS)
