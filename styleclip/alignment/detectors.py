"""Who finds faces in a photo (MTCNN or dlib), and which of them are meant."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from styleclip.alignment.dlib_predictor import import_dlib, load_predictor
from styleclip.alignment.face_search import Face, MultiScaleSearch, left_to_right, search_sizes
from styleclip.alignment.framing import Landmarks
from styleclip.errors import NoFaceError, UsageError
from styleclip.runtime.devices import pick_device

__all__ = ["Detector", "Face", "FaceChoice", "choose_faces", "dlib_detector", "mtcnn_detector"]

Detector = Callable[[Image.Image], list[Face]]  # RGB -> faces, from left to right
FaceChoice = Literal["largest", "all"] | int

MTCNN_MIN_CONFIDENCE = 0.9  # probability; true faces seen from the front have 0.99 and more
DLIB_MIN_CONFIDENCE = 0.3  # margin of the classifier; true faces have about 1, patterns in cloth 0.1
MTCNN_MIN_SIDE_PX = 24  # px: below it MTCNN's pyramid has no level (its faces are of 20 px and more)


def mtcnn_detector(device: str = "cpu") -> Detector:
    """MTCNN (Zhang et al. 2016) of facenet-pytorch, whose weights come with the package: five landmarks per face."""
    from facenet_pytorch import MTCNN

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its way of loading weights is of the torch of its day
        network = MTCNN(keep_all=True, device=pick_device(device)).eval()
    return MultiScaleSearch(lambda image: _detect_mtcnn(network, image), MTCNN_MIN_CONFIDENCE)


def dlib_detector(predictor: Path) -> Detector:
    """dlib's HOG detector and a 68-point shape predictor (.dat, or .dat.bz2, which is unpacked beside itself once).

    Slower, and blind to turned heads, but it is what e4e's own alignment used. Raises WeightError for a file that is
    no 68-point predictor, UsageError where dlib is not installed.
    """
    dlib, shape = import_dlib(), load_predictor(predictor)
    detector = dlib.get_frontal_face_detector()
    return MultiScaleSearch(lambda image: _detect_dlib(detector, shape, image), DLIB_MIN_CONFIDENCE)


def choose_faces(
    faces: Sequence[Face], which: FaceChoice = "largest", name: str = "the picture", size: tuple[int, int] | None = None
) -> list[Face]:
    """The largest face, all of them, or the n-th from the left (from 1); `name` and `size` are the photo's.

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
        count = len(ordered)
        raise NoFaceError(f"{name} has {_face_count(count)} and no number {which}; {_number_remedy(count)}")
    return [ordered[which - 1]]


NO_FACE_REMEDY = (
    "pass --no-align if it is an aligned crop already, another --landmarks, or a larger picture of an upright "
    "face seen from the front"
)


def _tried_sizes(size: tuple[int, int] | None) -> str:
    if size is None:
        return ""
    sizes = [f"{width} x {height}" for width, height in search_sizes(size)]
    return f", looked for in copies of {' and '.join(sizes)} px"


def _face_count(count: int) -> str:
    return "1 face" if count == 1 else f"{count} faces"


def _number_remedy(count: int) -> str:
    return "use 1" if count == 1 else f"use 1 to {count}, which count from the left"


def _detect_mtcnn(network: Any, image: Image.Image) -> list[Face]:
    if min(image.size) < MTCNN_MIN_SIDE_PX:
        return []
    try:
        boxes, confidences, points = network.detect(image, landmarks=True)
    except RuntimeError as error:
        if "non-empty" not in str(error):  # torch.cat of no candidates at all, which facenet-pytorch forgot about
            raise
        return []
    if boxes is None:
        return []
    return [_face(Landmarks.from_five(p), b, c) for b, c, p in zip(boxes, confidences, points, strict=True)]


def _detect_dlib(detector: Any, predictor: Any, image: Image.Image) -> list[Face]:
    pixels = np.asarray(image)
    rectangles, margins, _ = detector.run(pixels, 1, 0.0)  # enlarged once, as e4e does: faces of 40 px and more
    faces = []
    for rectangle, margin in zip(rectangles, margins, strict=True):
        points = [(point.x, point.y) for point in predictor(pixels, rectangle).parts()]
        edges = (rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom())
        faces.append(_face(Landmarks.from_68(points), edges, margin))
    return faces


def _face(landmarks: Landmarks, box: Sequence[float], confidence: float) -> Face:
    left, top, right, bottom = (float(edge) for edge in box)
    return Face(landmarks, (left, top, right, bottom), float(confidence))
