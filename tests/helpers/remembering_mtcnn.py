"""A detector in the manner of `styleclip.alignment.detectors`: MTCNN that keeps the faces of each picture it saw."""

from __future__ import annotations

import functools
from pathlib import Path

from PIL import Image

from styleclip.alignment import mtcnn_detector
from styleclip.alignment.face_search import Detector, Face


def load(device: str, predictor: Path | None) -> Detector:
    return lambda image: list(_faces(image.tobytes(), image.size))


def check() -> str:
    return mtcnn_detector.check()


@functools.cache
def _faces(picture: bytes, size: tuple[int, int]) -> tuple[Face, ...]:
    return tuple(_mtcnn()(Image.frombytes("RGB", size, picture)))


@functools.cache
def _mtcnn() -> Detector:
    return mtcnn_detector.load("cpu", None)
