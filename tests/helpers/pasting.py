"""Photos, squares and measures for pasting tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
SIZE = (700, 600)  # of the photo


def smooth_photo(size: tuple[int, int] = SIZE) -> Image.Image:
    """Waves of 60 px and more: resampling hardly changes them."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    waves = [np.sin(x / 10 + y / 37), np.cos(y / 12 - x / 90), np.sin((x + y) / 15)]
    return to_picture(128 + 60 * np.stack(waves, axis=2))


def to_picture(pixels: Array) -> Image.Image:
    return Image.fromarray(np.asarray(pixels).round().clip(0, 255).astype(np.uint8))


def to_array(picture: Image.Image) -> Array:
    return np.asarray(picture, np.float64)


def square(centre: tuple[float, float], side: float, degrees: float = 0) -> Array:
    angle = np.deg2rad(degrees)
    x = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    y = np.array([-x[1], x[0]])
    return np.asarray(centre) + np.stack([-x - y, -x + y, x + y, x - y])


def crop_coordinates(quad: Array, size: tuple[int, int]) -> Array:
    """[H, W, 2]: where the centre of every pixel lies in the unit square of the crop."""
    places = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=2) - quad[0]
    return places @ np.linalg.inv(np.stack([quad[3] - quad[0], quad[1] - quad[0]]))
