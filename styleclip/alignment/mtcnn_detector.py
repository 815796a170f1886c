"""MTCNN (Zhang et al. 2016) of facenet-pytorch, whose weights come with the package: five landmarks per face."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from styleclip.alignment.face_search import Detector, Face, MultiScaleSearch
from styleclip.alignment.framing import Landmarks
from styleclip.runtime.devices import pick_device

MIN_CONFIDENCE = 0.9  # probability; true faces seen from the front have 0.99 and more
SURE_CONFIDENCE = 0.97  # those found in faces that lie on their side or stand upside down have 0.85 to 0.93
MIN_SIDE_PX = 24  # MTCNN's pyramid has no level for smaller pictures (its faces are of 20 px and more)


def load(device: str = "cpu", predictor: Path | None = None) -> Detector:
    """MTCNN in several sizes of the photo, on `device`; `predictor` is not used."""
    from facenet_pytorch import MTCNN

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # facenet-pytorch loads its weights as torch of 2019 did
        network = MTCNN(keep_all=True, device=pick_device(device)).eval()
    return MultiScaleSearch(lambda image: _detect(network, image), MIN_CONFIDENCE, SURE_CONFIDENCE)


def check() -> str:
    """The name of the package, once its weights have been loaded."""
    load()
    return "MTCNN of facenet-pytorch"


def _detect(network: Any, image: Image.Image) -> list[Face]:
    if min(image.size) < MIN_SIDE_PX:
        return []
    try:
        boxes, confidences, points = network.detect(image, landmarks=True)
    except RuntimeError as error:
        if "non-empty" not in str(error):  # facenet-pytorch concatenates an empty list where there is no candidate
            raise
        return []
    if boxes is None:
        return []
    return [
        Face.of(Landmarks.from_five(five), box, confidence)
        for box, confidence, five in zip(boxes, confidences, points, strict=True)
    ]
