"""A photo -> the square frames that an encoder takes, each with the quad by which it is pasted back."""

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

    Args:
        photo: the photo.
        frame: RGB, square.
        quad: [4, 2] float64 (TL, BL, BR, TR), the corners of the frame in px of the photo; whole numbers are pixel
            centres. None where the frame is the whole picture.
        face: the face in it; None where no detector was run.
        note: a remark for the user, such as "was aligned already".
    """

    photo: Photo
    frame: Image.Image
    quad: NDArray[np.float64] | None = None
    face: Face | None = None
    note: str = ""


def align(
    photo: Photo,
    detector: Detector | None,
    framing: Framing = FFHQ,
    size: int = 256,
    which: FaceChoice = "largest",
    force: bool | None = None,
    transform_size: int | None = None,
) -> list[Aligned]:
    """The frames of the chosen faces, as pictures of `size` px, from left to right; at least one.

    Raises NoFaceError where a face is missing, PhotoError for a picture that is to be taken whole and is no square,
    UsageError for arguments that contradict each other.

    Args:
        photo: the photo.
        detector: None for generators of other things than faces, whose frame is the largest centred square.
        framing: how the generator frames faces.
        size: of the frames, px.
        which: the chosen faces.
        force: None takes pictures whole that are aligned crops already, False takes every picture whole and runs no
            detector, True always cuts faces out.
        transform_size: see `crop`.
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
    return [_crop_face(photo, face, framing, size, transform_size, allow_whole=force is None) for face in faces]


def _crop_face(
    photo: Photo, face: Face, framing: Framing, size: int, transform_size: int | None, allow_whole: bool
) -> Aligned:
    """The frame of one face; the whole picture where that is nearly the frame and `allow_whole` is set."""
    try:
        quad = framing.quad(face.landmarks)
        if allow_whole and is_aligned(quad, photo.image.size):
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
    """The largest centred square, cut out along whole pixels."""
    quad = center_quad(photo.image.size)
    if photo.image.width == photo.image.height:
        return Aligned(photo, _resize(photo.image, size))
    left, top, right, bottom = (int(x) for x in (*(quad[0] + 0.5), *(quad[2] + 0.5)))
    return Aligned(photo, _resize(photo.image.crop((left, top, right, bottom)), size), quad)


def _resize(picture: Image.Image, size: int) -> Image.Image:
    if size < 1:
        raise UsageError(f"a frame of {size} px is not possible; use 1 px or more")
    return picture.resize((size, size), Image.Resampling.LANCZOS)
