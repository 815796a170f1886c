"""Faces of made-up landmarks."""

from __future__ import annotations

import numpy as np

from styleclip.alignment.face_search import Face
from styleclip.alignment.framing import Landmarks


def made_up_face(left: float, side: float, confidence: float = 1.0) -> Face:
    """A face of this box, 10 px from the top."""
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.35, 0.8], [0.65, 0.8]]) * side + [left, 10]
    return Face(Landmarks(*points), (left, 10, left + side, 10 + side), confidence)
