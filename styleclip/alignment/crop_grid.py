"""Grids over a crop: G x G cells over its unit square, distances and blurs in sides of the crop, affine maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from styleclip.errors import NumericError

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]
Matrix = Array  # [3, 3], takes columns (x, y, 1); pixel centres lie at .5

FAR = 9.0  # sides of the crop: the distance to an empty set


def cell_centres(size: int) -> Array:
    """[G, G, 3]: the centres (x, y, 1) of the cells."""
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
    return np.stack([x, y, np.ones_like(x)], axis=2)


def distance_to(cells: Mask) -> Array:
    """[G, G]: distance to the nearest of some cells, in sides of the crop."""
    from scipy.ndimage import distance_transform_edt  # importing scipy takes 0.2 s, and few commands paste

    return distance_transform_edt(~cells) / len(cells) if cells.any() else np.full(cells.shape, FAR)


def blur(values: Array, sigma: float | tuple[float, ...], **options: Any) -> Array:
    """Gaussian blur; `sigma` in cells."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, sigma, **options)


def smoothstep(x: Array) -> Array:
    """From 0 to 1 with a slope of 0 at both ends."""
    return x.clip(0, 1) ** 2 * (3 - 2 * x.clip(0, 1))


def scale_matrix(factor: float, x: float = 0, y: float = 0) -> Matrix:
    """Scaling by a factor, followed by a shift by (x, y)."""
    return np.array([[factor, 0, x], [0, factor, y], [0, 0, 1]], np.float64)


def square_to_quad(quad: Array) -> Matrix:
    """Unit square -> quad [4, 2] (TL, BL, BR, TR). Raises NumericError where the quad has no area."""
    quad = quad if np.isfinite(quad).all() else np.zeros((4, 2))
    x, y = np.array([[-1, -1, 1, 1], [-1, 1, 1, -1]]) @ quad / 2
    square = np.vstack([np.stack([x, y, quad.mean(axis=0) - (x + y) / 2], axis=1), [0, 0, 1]])
    if not abs(np.linalg.det(square)) > 1e-6:
        raise NumericError("the corners of a face hold NaN or lie on a line; align the photo again")
    return square
