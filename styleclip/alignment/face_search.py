"""Faces in photos of any size, by a detector that is made for pictures of some hundred px.

The detector runs on a reduced copy of the photo first. Each face found there is detected again in a crop around it,
at the photo's full resolution and in three sizes, and the mean of the three is taken: MTCNN resizes a face to 48 x 48
px, and under shifts of the picture its points vary by 0.5 % of the face's width in one detection and by 0.3 % in the
mean of three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from styleclip.alignment.framing import Landmarks

SEARCH_SIDES_PX = (1600, 3200, 800)  # the longer side of the copies, in the order of the search; never enlarged
ENLARGE_BELOW_PX = 800  # smaller pictures are also searched at twice their size
FACE_SIDES_PX = (200, 240, 280)  # of a face in the crops of the second detection
FACE_CONTEXT = 2.0  # side of such a crop, in sides of the face
MIN_OVERLAP = 0.5  # boxes that share this much of the smaller one are the same face
TURNS = {  # degrees, counter-clockwise
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture, in its px.

    Args:
        landmarks: its places.
        box: around it.
        confidence: the detector's own.
        turned: by how many degrees, counter-clockwise, the picture was turned to find it.
        unsure: whether the detector is less confident than of most faces.
    """

    landmarks: Landmarks
    box: Box
    confidence: float
    turned: int = 0
    unsure: bool = False

    @staticmethod
    def of(landmarks: Landmarks, box: ArrayLike, confidence: float) -> Face:
        """A face from a detector's numbers, of whatever type they are."""
        return Face(landmarks, _to_box(box), float(confidence))

    @property
    def area(self) -> float:
        """The area of the box, px."""
        left, top, right, bottom = self.box
        return max(right - left, 0.0) * max(bottom - top, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        """The centre (x, y) of the box, px."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    def at(self, scale: ArrayLike, offset: ArrayLike = (0.0, 0.0)) -> Face:
        """The face in a picture `scale` (x, y) times as large, moved by `offset` px after that (`Landmarks.at`)."""
        corners = (np.reshape(self.box, (2, 2)) + 0.5) * np.asarray(scale) - 0.5 + np.asarray(offset)
        return Face.of(self.landmarks.at(scale, offset), corners.ravel(), self.confidence)

    def turned_back(self, degrees: int, size: tuple[int, int]) -> Face:
        """The face in the picture of this size (width, height) that was turned by 90, 180 or 270 degrees to find it."""
        last = np.array(size, np.float64) - 1  # the last pixel of the picture
        origin, x, y = {  # in the picture, of pixel (0, 0) and of the steps to the right and down of the turned one
            90: ((last[0], 0.0), (0.0, 1.0), (-1.0, 0.0)),
            180: ((last[0], last[1]), (-1.0, 0.0), (0.0, -1.0)),
            270: ((0.0, last[1]), (0.0, -1.0), (1.0, 0.0)),
        }[degrees]
        places = self.landmarks.array() @ np.array([x, y]) + origin
        corners = np.reshape(self.box, (2, 2)) @ np.array([x, y]) + origin
        box = (*corners.min(axis=0), *corners.max(axis=0))
        return Face(Landmarks(*places), _to_box(box), self.confidence, degrees)


Detector = Callable[[Image.Image], list[Face]]  # RGB -> faces, from left to right


@dataclass(frozen=True)
class MultiScaleSearch:
    """A detector for photos of any size, around a detector for small pictures.

    Args:
        detect: finds faces of 40 px and more.
        min_confidence: less confident faces are left out, as most of them are patterns in cloth and leaves; where no
            face is more confident, the best one is returned.
        sure_confidence: where no face of an upright picture is as confident, it is also searched on its sides and
            upside down, for faces that are; by default `min_confidence`.
    """

    detect: Detector
    min_confidence: float
    sure_confidence: float | None = None

    def __call__(self, image: Image.Image) -> list[Face]:
        """The faces of an RGB picture, from left to right; none where none was found at any size and turn."""
        upright = self._search(image)
        sure = self.min_confidence if self.sure_confidence is None else self.sure_confidence
        if any(face.confidence >= sure for face in upright):
            return upright
        best, found = 0.0, upright
        for degrees, turn in TURNS.items():
            faces = self._search(image.transpose(turn))
            confidence = max((face.confidence for face in faces), default=0.0)
            if confidence >= sure and confidence > best:
                best, found = confidence, [face.turned_back(degrees, image.size) for face in faces]
        return left_to_right(found)

    def _search(self, image: Image.Image) -> list[Face]:
        """The faces of an upright picture, from left to right."""
        for size in search_sizes(image.size):
            found = remove_duplicates(self._detect_in(image, (0, 0, *image.size), size))
            faces = remove_duplicates(refined for face in found for refined in self._refine(image, face))
            if faces:
                confident = [face for face in faces if face.confidence >= self.min_confidence]
                return left_to_right(confident) if confident else [replace(faces[0], unsure=True)]
        return []

    def _detect_in(self, image: Image.Image, part: tuple[int, int, int, int], size: tuple[int, int]) -> list[Face]:
        """The faces in a part of the picture, detected in a copy of `size` px."""
        copy = image.resize(size, Image.Resampling.LANCZOS, part, reducing_gap=3.0)
        scale = np.array([part[2] - part[0], part[3] - part[1]]) / size
        return [face.at(scale, part[:2]) for face in self.detect(copy)]

    def _refine(self, image: Image.Image, face: Face) -> Iterator[Face]:
        """The mean of the second detections; the first one where there is none and it was confident, else nothing."""
        side = max(face.box[2] - face.box[0], face.box[3] - face.box[1], 1.0)
        part = _square_around(face.centre, side * FACE_CONTEXT / 2, image.size)
        again: list[Face] = []
        for wanted in FACE_SIDES_PX:
            width, height = (max(round((part[i + 2] - part[i]) * wanted / side), 1) for i in (0, 1))
            found = max(self._detect_in(image, part, (width, height)), key=lambda f: overlap(f, face), default=None)
            if found is not None and overlap(found, face) > MIN_OVERLAP:
                again.append(found)
        if again:
            yield _mean_face(again)
        elif face.confidence >= self.min_confidence:
            yield face


def search_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes (width, height) of the copies that are searched, in their order."""
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
    """The faces by the centres of their boxes, in the picture as it was turned to find them."""
    return sorted(faces, key=_place_from_left)


def _place_from_left(face: Face) -> tuple[float, float]:
    x, y = face.centre
    return {0: (x, y), 90: (y, -x), 180: (-x, -y), 270: (-y, x)}[face.turned]


def overlap(one: Face, two: Face) -> float:
    """The area that two boxes share, as a fraction of the smaller box."""
    left, top = np.maximum(one.box[:2], two.box[:2])
    right, bottom = np.minimum(one.box[2:], two.box[2:])
    shared = max(right - left, 0.0) * max(bottom - top, 0.0)
    return float(shared / max(min(one.area, two.area), 1e-9))


def _mean_face(faces: list[Face]) -> Face:
    box = np.mean([face.box for face in faces], axis=0)
    confidence = float(np.mean([face.confidence for face in faces]))
    return Face.of(Landmarks.mean([face.landmarks for face in faces]), box, confidence)


def _square_around(centre: tuple[float, float], reach: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the square of half side `reach` around a place, clipped to the picture."""
    left, top = (min(max(int(c - reach), 0), length - 1) for c, length in zip(centre, size, strict=True))
    right, bottom = (min(max(int(c + reach) + 1, 0), length) for c, length in zip(centre, size, strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _to_box(corners: ArrayLike) -> Box:
    left, top, right, bottom = (float(x) for x in np.asarray(corners))
    return left, top, right, bottom
