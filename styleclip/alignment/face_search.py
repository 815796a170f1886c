"""Faces in photos of any size, by a network that is good at pictures of some hundred px: look twice.

The first look is at a reduced copy and finds the faces. The second is at each face alone, at the photo's full
resolution and in three sizes, whose mean is steadier than any of them: MTCNN sees a face as 48 x 48 px, and where it is
shifted its points tremble by 0.5 % of the face's width in one look and by 0.3 % in the mean of three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from styleclip.alignment.framing import Landmarks

SEARCH_SIDES_PX = (1600, 3200, 800)  # px of the longer side, in the order in which they are tried; never enlarged
ENLARGE_BELOW_PX = 800  # px: smaller pictures are also tried at twice their size
FACE_SIDES_PX = (200, 240, 280)  # px of a face in the second look
FACE_CONTEXT = 2.0  # sides of the face that the second look sees
MIN_OVERLAP = 0.5  # boxes that share this much of the smaller one are one face
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture, in its px: landmarks, box (left, top, right, bottom), and the detector's own confidence."""

    landmarks: Landmarks
    box: Box
    confidence: float

    @property
    def area(self) -> float:
        """Of the box, px."""
        left, top, right, bottom = self.box
        return max(right - left, 0.0) * max(bottom - top, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box, px."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    def at(self, scale: ArrayLike, offset: ArrayLike = (0.0, 0.0)) -> Face:
        """The face in a picture `scale` (x, y) times as large, moved by `offset` px after that (`Landmarks.at`)."""
        corners = (np.reshape(self.box, (2, 2)) + 0.5) * np.asarray(scale) - 0.5 + np.asarray(offset)
        return Face(self.landmarks.at(scale, offset), _as_box(corners.ravel()), self.confidence)


Detector = Callable[[Image.Image], list[Face]]


@dataclass(frozen=True)
class MultiScaleSearch:
    """A detector: picture (RGB) -> faces, from left to right; none where nothing was found at any size.

    `look` finds faces of 40 px and more; where faces of at least the confidence `sure` are found, the others are left
    out as the patterns in cloth and leaves that they mostly are.
    """

    look: Detector
    min_confidence: float

    def __call__(self, image: Image.Image) -> list[Face]:
        for size in search_sizes(image.size):
            once = remove_duplicates(self._detect_in(image, (0, 0, *image.size), size))
            faces = remove_duplicates(face for found in once for face in self._refine(image, found))
            if faces:
                return left_to_right([face for face in faces if face.confidence >= self.min_confidence] or faces[:1])
        return []

    def _detect_in(self, image: Image.Image, part: tuple[int, int, int, int], size: tuple[int, int]) -> list[Face]:
        """The faces in a part of the picture, of which a copy of `size` px is looked at."""
        copy = image.resize(size, Image.Resampling.LANCZOS, part, reducing_gap=3.0)
        scale = np.array([part[2] - part[0], part[3] - part[1]]) / size
        return [face.at(scale, part[:2]) for face in self.look(copy)]

    def _refine(self, image: Image.Image, face: Face) -> Iterator[Face]:
        """The face as the second look sees it. One that is not seen again counts only if the first look was sure."""
        side = max(face.box[2] - face.box[0], face.box[3] - face.box[1], 1.0)
        part = _square_around(face.centre, side * FACE_CONTEXT / 2, image.size)
        looks: list[Face] = []
        for wanted in FACE_SIDES_PX:
            width, height = (max(round((part[i + 2] - part[i]) * wanted / side), 1) for i in (0, 1))
            seen = max(self._detect_in(image, part, (width, height)), key=lambda f: overlap(f, face), default=None)
            if seen is not None and overlap(seen, face) > MIN_OVERLAP:
                looks.append(seen)
        if looks:
            yield _mean_face(looks)
        elif face.confidence >= self.min_confidence:
            yield face


def search_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes of the copies in which faces are looked for, in their order."""
    scales = [min(side / max(size), 1.0) for side in SEARCH_SIDES_PX] + ([2.0] if max(size) <= ENLARGE_BELOW_PX else [])
    scaled = [(max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)) for scale in scales]
    return list(dict.fromkeys(scaled))


def remove_duplicates(faces: Iterable[Face]) -> list[Face]:
    """The faces without duplicates, by falling confidence."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(overlap(face, other) <= MIN_OVERLAP for other in kept):
            kept.append(face)
    return kept


def left_to_right(faces: Iterable[Face]) -> list[Face]:
    """The faces by the centres of their boxes."""
    return sorted(faces, key=lambda face: face.centre)


def overlap(one: Face, two: Face) -> float:
    """What two boxes share, as a part of the smaller one."""
    left, top = np.maximum(one.box[:2], two.box[:2])
    right, bottom = np.minimum(one.box[2:], two.box[2:])
    shared = max(right - left, 0.0) * max(bottom - top, 0.0)
    return float(shared / max(min(one.area, two.area), 1e-9))


def _mean_face(looks: list[Face]) -> Face:
    box = np.mean([look.box for look in looks], axis=0)
    confidence = float(np.mean([look.confidence for look in looks]))
    return Face(Landmarks.mean([look.landmarks for look in looks]), _as_box(box), confidence)


def _square_around(centre: tuple[float, float], reach: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the square around a place, as far as the picture goes."""
    left, top = (min(max(int(c - reach), 0), length - 1) for c, length in zip(centre, size, strict=True))
    right, bottom = (min(max(int(c + reach) + 1, 0), length) for c, length in zip(centre, size, strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _as_box(corners: ArrayLike) -> Box:
    left, top, right, bottom = (float(x) for x in np.asarray(corners))
    return left, top, right, bottom
