"""A photo -> the frames that a generator draws, each with the quad by which it is pasted back.

Frames of faces are square; those of other things have the shape of the generator's image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from styleclip.alignment.face_choice import FaceChoice, choose_faces
from styleclip.alignment.face_search import Detector, Face
from styleclip.alignment.framing import (
    FFHQ,
    Framing,
    center_quad,
    crop,
    has_shape,
    is_aligned,
    is_square,
    outside_fraction,
)
from styleclip.alignment.photos import Photo
from styleclip.errors import NoFaceError, UsageError

FrameSize = tuple[int, int]  # height, width in px
ALREADY_ALIGNED = "was aligned already"
MAX_INVENTED = 0.2  # of the area of a crop; beyond it a note says how much of it lies outside the photo


@dataclass(frozen=True, eq=False)
class Aligned:
    """A frame of a photo, for a generator.

    Args:
        photo: the photo.
        frame: RGB, of the shape of the generator's image.
        quad: [4, 2] float64 (TL, BL, BR, TR), the corners of the frame in px of the photo; whole numbers are pixel
            centres. None where the frame is the whole picture.
        face: the face in it; None where no detector was run.
        note: a remark for the user, such as "was aligned already"; several are joined by "; ".
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
    size: FrameSize = (256, 256),
    which: FaceChoice = "largest",
    force: bool | None = None,
    transform_size: int | None = None,
) -> list[Aligned]:
    """The frames of the chosen faces, as pictures of `size`, from left to right; at least one.

    Raises NoFaceError where a face is missing, UsageError for arguments that contradict each other.

    Args:
        photo: the photo.
        detector: None for generators of other things than faces, whose frame is the largest centred rectangle of the
            ratio of `size`.
        framing: how the generator frames faces.
        size: height and width of the frames, px; equal for faces.
        which: the chosen faces.
        force: None takes pictures whole that are aligned crops already, False takes every picture whole, or its middle
            with the ratio of `size`, and runs no detector, True always cuts faces out.
        transform_size: see `crop`.
    """
    if min(size) < 1:
        raise UsageError(f"a frame of {min(size)} px is not possible; use 1 px or more")
    if force and detector is None:
        raise UsageError("this generator draws no faces, so there is nothing to align; leave --align out")
    if force is False or detector is None:
        return [_center_crop(photo, size, tell=force is False)]
    if force is None and photo.aligned and is_square(photo.image.size):
        return [_use_whole(photo, size, note=ALREADY_ALIGNED)]
    faces = choose_faces(detector(photo.image), which, photo.name, photo.image.size)
    return [_crop_face(photo, face, framing, size, transform_size, allow_whole=force is None) for face in faces]


def _crop_face(
    photo: Photo, face: Face, framing: Framing, size: FrameSize, transform_size: int | None, allow_whole: bool
) -> Aligned:
    """The frame of one face; the whole picture where that is nearly the frame and `allow_whole` is set."""
    try:
        quad = framing.quad(face.landmarks)
        if allow_whole and is_aligned(quad, photo.image.size):
            return _use_whole(photo, size, face, ALREADY_ALIGNED)
        frame = crop(photo.image, quad, size[0], transform_size)
        return Aligned(photo, frame, quad, face, "; ".join(_notes(face, quad, photo.image.size)))
    except NoFaceError as error:
        raise NoFaceError(f"{photo.name}: {error}") from error


def _notes(face: Face, quad: NDArray[np.float64], size: tuple[int, int]) -> Iterator[str]:
    """Remarks on a face that was cut out."""
    if face.unsure:
        yield "the detector is not sure that this is a face"
    if face.turned:
        yield f"the face was found with the photo turned by {face.turned} degrees counter-clockwise"
    outside = outside_fraction(quad, size)
    if outside > MAX_INVENTED:
        yield f"{outside:.0%} of the crop lies outside the photo and was invented"


def _use_whole(photo: Photo, size: FrameSize, face: Face | None = None, note: str = "") -> Aligned:
    return Aligned(photo, _resize(photo.image, size), None, face, note)


def _center_crop(photo: Photo, size: FrameSize, tell: bool) -> Aligned:
    """The whole picture where it has the ratio of `size`, else its middle with that ratio, cut along whole pixels."""
    width, height = photo.image.size
    if width * size[0] == height * size[1] or (tell and has_shape((width, height), size)):
        return _use_whole(photo, size)
    quad = center_quad(photo.image.size, size)
    left, top, right, bottom = (int(x) for x in (*(quad[0] + 0.5), *(quad[2] + 0.5)))
    shape = "no square" if size[0] == size[1] else f"not shaped as {size[1]} x {size[0]}"
    note = f"is {width} x {height} px and {shape}; its middle was taken" if tell else ""
    return Aligned(photo, _resize(photo.image.crop((left, top, right, bottom)), size), quad, note=note)


def _resize(picture: Image.Image, size: FrameSize) -> Image.Image:
    return picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
