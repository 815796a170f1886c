"""The square that a face is cropped to: landmarks -> quad -> crop, as the FFHQ data set defines it.

Places are (x, y) px of the photo, and whole numbers are the centres of pixels: a whole picture of side n has the quad
(-0.5, -0.5) to (n - 0.5, n - 0.5). The source is Karras et al. 2019, appendix A, with the constants of their recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from styleclip.alignment.padding import pad_outside
from styleclip.errors import NoFaceError, UsageError

Array = NDArray[np.float64]
MAX_CROP_PX = 16384  # px, of a crop
SQUARE = (1, 1)  # a ratio of height and width
SHAPE_TOLERANCE = 0.01  # ratios of the sides that differ by less than this are the same
OUTSIDE_CELLS = 64  # of a side of the grid on which the area of a quad is counted
ALIGNED_TOLERANCE = 0.06  # mean distance of the corners, in sides (see `is_aligned`)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Eyes and corners of the mouth, each [2] float64; left and right as in the picture."""

    eye_left: Array
    eye_right: Array
    mouth_left: Array
    mouth_right: Array

    @staticmethod
    def from_five(points: ArrayLike) -> Landmarks:
        """From MTCNN's [5, 2]: left eye, right eye, nose, left and right corner of the mouth."""
        left, right, _, mouth_left, mouth_right = _points(points, 5)
        return Landmarks(left, right, mouth_left, mouth_right)

    @staticmethod
    def from_68(points: ArrayLike) -> Landmarks:
        """From iBUG's [68, 2]: the means of the eyes (36..41, 42..47) and the outer corners of the mouth (48, 54)."""
        p = _points(points, 68)
        return Landmarks(p[36:42].mean(axis=0), p[42:48].mean(axis=0), p[48], p[54])

    @staticmethod
    def mean(several: Sequence[Landmarks]) -> Landmarks:
        """The mean of several detections of one face."""
        return Landmarks(*np.mean([landmarks.array() for landmarks in several], axis=0))

    def array(self) -> Array:
        """[4, 2]: left eye, right eye, left and right corner of the mouth."""
        return np.stack([getattr(self, field.name) for field in fields(self)])

    def at(self, scale: ArrayLike, offset: ArrayLike = (0.0, 0.0)) -> Landmarks:
        """The same places in a picture `scale` times as large, of which px (0, 0) then lies at `-offset`.

        Pictures are enlarged about their corner, half a pixel off the centre of px (0, 0).
        """
        return Landmarks(*((self.array() + 0.5) * np.asarray(scale) - 0.5 + np.asarray(offset)))

    def in_crop(self, quad: ArrayLike) -> Array:
        """[4, 2]: where the places lie in the crop of this quad, from (0, 0) at its top left to (1, 1)."""
        top_left, bottom_left, _, top_right = np.asarray(quad, np.float64)
        axes = np.stack([top_right - top_left, bottom_left - top_left], axis=1)
        return np.linalg.solve(axes, (self.array() - top_left).T).T


@dataclass(frozen=True)
class Framing:
    """Size and place of the square around a face, by its landmarks.

    Half the side is the larger of `eyes` distances between the eyes and `mouth` distances from eyes to mouth; the
    centre lies at the fraction `down` of the way from the eyes to the mouth. The defaults are FFHQ's. An `upright`
    square has the sides of the picture, however the head is turned, as in FFHQ-U.
    """

    eyes: float = 2.0
    mouth: float = 1.8
    down: float = 0.1
    upright: bool = False

    def quad(self, landmarks: Landmarks) -> Array:
        """[4, 2] float64: the corners TL, BL, BR, TR. Raises NoFaceError for landmarks with NaN or without extent."""
        left, right, mouth_left, mouth_right = places = landmarks.array()
        if not np.isfinite(places).all():
            raise NoFaceError("the landmarks of the face are not numbers; pass another picture")
        eyes = (left + right) / 2
        e, m = right - left, (mouth_left + mouth_right) / 2 - eyes
        x = np.array([e[0] + m[1], e[1] - m[0]])  # eye to eye, plus eyes to mouth turned by 90 degrees
        length = np.hypot(*x)
        if not length > 0:
            raise NoFaceError("the landmarks of the face are all in one place; pass another picture")
        half = max(self.eyes * np.hypot(*e), self.mouth * np.hypot(*m))
        x = np.array([half, 0.0]) if self.upright else x * (half / length)
        y = np.array([-x[1], x[0]])
        centre = eyes + self.down * m
        return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


FFHQ = Framing()


def crop(image: Image.Image, quad: ArrayLike, output_size: int, transform_size: int | None = None) -> Image.Image:
    """The square `quad` [4, 2] (TL, BL, BR, TR) of an RGB picture, `output_size` px wide.

    Steps of FFHQ: shrink by whole factors, cut, pad what lies outside, transform bilinearly to `transform_size` px
    (default `output_size`, as e4e does; the data set took four times that), reduce. Raises NoFaceError for a quad that
    does not touch the picture, UsageError for senseless sizes.
    """
    quad, transform_size = np.array(quad, np.float64), transform_size or output_size
    if not 1 <= output_size <= transform_size <= MAX_CROP_PX:
        sizes = f"a crop of {output_size} px from {transform_size} px"
        raise UsageError(f"{sizes} is not possible; use 1 to {MAX_CROP_PX} px")
    _check(quad, image.size)
    image, quad = _reduce(image.convert("RGB"), quad, output_size)
    image, quad = _crop_around(image, quad)
    image, quad = pad_outside(image, quad, _side(quad), _border(quad))
    corners = tuple(float(x) for x in (quad + 0.5).ravel())
    square = image.transform((transform_size, transform_size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    if output_size < transform_size:
        square = square.resize((output_size, output_size), Image.Resampling.LANCZOS)
    return square


def center_quad(size: tuple[int, int], shape: tuple[int, int] = SQUARE) -> Array:
    """[4, 2]: the quad of the largest centred rectangle of a picture with the ratio of `shape`, height and width."""
    width, height = size[0], size[1]
    inner = min(width, max(1, height * shape[1] // shape[0])), min(height, max(1, width * shape[0] // shape[1]))
    left, top = ((length - part) // 2 - 0.5 for length, part in zip(size, inner, strict=True))
    right, bottom = left + inner[0], top + inner[1]
    return np.array([[left, top], [left, bottom], [right, bottom], [right, top]])


def outside_fraction(quad: ArrayLike, size: tuple[int, int]) -> float:
    """The share of the quad's area that lies outside of a picture of this size, to 1/64 of the quad's sides."""
    top_left, bottom_left, _, top_right = np.asarray(quad, np.float64)
    v, u = ((np.mgrid[:OUTSIDE_CELLS, :OUTSIDE_CELLS] + 0.5) / OUTSIDE_CELLS)[..., None]
    places = top_left + u * (top_right - top_left) + v * (bottom_left - top_left)
    return float(((places < -0.5) | (places > np.array(size) - 0.5)).any(axis=2).mean())


def is_square(size: tuple[int, int]) -> bool:
    """Whether the sides are equal to 1 %, as those of an aligned crop that lost a row of pixels."""
    return has_shape(size, SQUARE)


def has_shape(size: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Whether width and height have the ratio of `shape`, height and width, to 1 %."""
    across, down = size[0] * shape[0], size[1] * shape[1]
    return abs(across - down) <= SHAPE_TOLERANCE * max(across, down)


def is_aligned(quad: ArrayLike, size: tuple[int, int]) -> bool:
    """Whether the quad is nearly a whole square picture of this size, which is then better not resampled.

    Its corners then lie within 6 % of the side, on average, of the picture's own. Detectors disagree by 1 to 2 % of the
    crop's side about where eyes and mouth are; the eyes are a quarter of the side apart, so the side varies by up to
    8 %, which moves each corner by 0.7 times that. A photo centred on a face but not aligned is framed wider or tighter
    by more: 6 % of the corner are 8.5 % of the scale.
    """
    distance = np.hypot(*(np.asarray(quad, np.float64) - center_quad(size)).T).mean()
    return bool(is_square(size) and distance <= ALIGNED_TOLERANCE * min(size))


def _check(quad: Array, size: tuple[int, int]) -> None:
    if quad.shape != (4, 2) or not np.isfinite(quad).all() or not _side(quad) > 0:
        raise NoFaceError("the square around the face has no size; pass another picture")
    if (quad.max(axis=0) < -0.5).any() or (quad.min(axis=0) > np.array(size) - 0.5).any():
        raise NoFaceError("the square around the face lies outside of the picture; pass the whole photo")


def _reduce(image: Image.Image, quad: Array, output_size: int) -> tuple[Image.Image, Array]:
    """The picture and the quad, reduced by a whole factor where the picture is much finer than the crop."""
    factor = int(np.floor(_side(quad) / output_size * 0.5))
    if factor <= 1:
        return image, quad
    width, height = (max(int(np.rint(length / factor)), 1) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS), quad / factor


def _crop_around(image: Image.Image, quad: Array) -> tuple[Image.Image, Array]:
    """The part of the picture around the quad, and the quad in it."""
    border = _border(quad)
    left, top = np.maximum(np.floor(quad.min(axis=0)).astype(int) - border, 0).tolist()
    right, bottom = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + border, image.size).tolist()
    if (right - left, bottom - top) == image.size:
        return image, quad
    return image.crop((left, top, right, bottom)), quad - [left, top]


def _border(quad: Array) -> int:
    return max(int(np.rint(_side(quad) * 0.1)), 3)


def _side(quad: Array) -> float:
    return float(np.hypot(*(quad[3] - quad[0])))


def _points(points: ArrayLike, count: int) -> Array:
    array = np.asarray(points, np.float64)
    if array.shape != (count, 2):
        raise UsageError(f"expected {count} landmarks as [{count}, 2], got {list(array.shape)}; pass x and y of each")
    return array
