"""dlib's HOG detector and its 68 landmarks, as e4e's alignment used: slower than MTCNN, and for frontal faces only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from styleclip.alignment.dlib_predictor import import_dlib, load_predictor
from styleclip.alignment.face_search import Detector, Face, MultiScaleSearch
from styleclip.alignment.framing import Landmarks

MIN_CONFIDENCE = 0.3  # margin of the classifier; true faces have about 1, patterns in cloth 0.1


def load(device: str, predictor: Path) -> Detector:
    """The detector with a 68-point predictor (.dat, or .dat.bz2, which is unpacked beside itself once), on the CPU.

    Raises WeightError for a file that is no 68-point predictor, UsageError where dlib is not installed.
    """
    dlib, shape = import_dlib(), load_predictor(predictor)
    detector = dlib.get_frontal_face_detector()
    return MultiScaleSearch(lambda image: _detect(detector, shape, image), MIN_CONFIDENCE)


def check() -> str:
    """The version of dlib; raises UsageError where it is not installed."""
    return f"dlib {import_dlib().__version__}"


def _detect(detector: Any, predictor: Any, image: Image.Image) -> list[Face]:
    pixels = np.asarray(image)
    rectangles, margins, _ = detector.run(pixels, 1, 0.0)  # enlarged once, as e4e does: faces of 40 px and more
    faces = []
    for rectangle, margin in zip(rectangles, margins, strict=True):
        points = [(point.x, point.y) for point in predictor(pixels, rectangle).parts()]
        box = (rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom())
        faces.append(Face.of(Landmarks.from_68(points), box, margin))
    return faces
