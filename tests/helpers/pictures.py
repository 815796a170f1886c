"""Small pictures of noise and ramps, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 40)


def noise(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.frombytes(mode, size, pixels.tobytes())


def ramp(dtype: str, top: float) -> np.ndarray:
    """Grey from 0 to `top`, left to right."""
    return np.tile(np.linspace(0, top, SIZE[0]), (SIZE[1], 1)).astype(dtype)


def save(folder: Path, picture: Image.Image, name: str = "a.png", **options: object) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def pixels(picture: Image.Image | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(picture).astype(int)
