"""Signed distance functions and the supersampled surface of the renderer of the demo world.

Coordinates run from -1 to 1, x to the right and y down. A distance is negative inside its shape. Scalars that differ
from face to face have shape [N, 1, 1] and broadcast against x [1, 1, W] and y [1, H, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

Scalar = float | Tensor  # a number for all faces, or one per face as [N, 1, 1]


@dataclass(frozen=True)
class Surface:
    """An image, or a view of a rectangle of one, that is painted in place."""

    image: Tensor  # [N, 3, H, W] in [0, 1]
    x: Tensor  # [1, 1, W]
    y: Tensor  # [1, H, 1]
    pixel: float  # width of the soft edge, in coordinates

    @staticmethod
    def blank(count: int, size: int, pixel: float) -> Surface:
        centres = (torch.arange(size) + 0.5) / size * 2 - 1
        return Surface(torch.zeros(count, 3, size, size), centres.view(1, 1, -1), centres.view(1, -1, 1), pixel)

    def region(self, left: float, right: float, top: float, bottom: float) -> Surface:
        """The view of a rectangle; painting it paints the image."""
        columns, rows = pixels_between(self.x, left, right), pixels_between(self.y, top, bottom)
        return Surface(self.image[:, :, rows, columns], self.x[:, :, columns], self.y[:, rows], self.pixel)

    def side(self, sign: int, left: float, right: float, top: float, bottom: float) -> Surface:
        """The region between `left` and `right`, on the right (1) or mirrored to the left half (-1)."""
        first, last = sorted((sign * left, sign * right))
        return self.region(first, last, top, bottom)

    def fill(self, distance: Tensor, colour: Tensor, opacity: Scalar = 1.0) -> None:
        """Fill the inside of a signed distance [N, H, W] with an antialiased edge."""
        self.blend((0.5 - distance / self.pixel).clamp(0, 1) * opacity, colour)

    def blend(self, amount: Tensor, colour: Tensor) -> None:
        """Mix `colour` [N|1, 3, H|1, W|1] into the image by `amount` [N, H, W]."""
        self.image.lerp_(colour, amount.unsqueeze(1))

    def shade(self, factor: Tensor) -> None:
        """Multiply the image by `factor` [N, H, W]."""
        self.image.mul_(factor.unsqueeze(1))


def pixels_between(centres: Tensor, low: float, high: float) -> slice:
    """Indices of the pixel centres inside an interval."""
    size = centres.numel()
    full = 2.0 / (centres.flatten()[1] - centres.flatten()[0]).item()
    start = (centres.flatten()[0].item() + 1) / 2 * full
    first, last = ((edge + 1) / 2 * full - start for edge in (low, high))
    return slice(min(max(round(first), 0), size), min(max(round(last) + 1, 0), size))


def rgb(red: float, green: float, blue: float) -> Tensor:
    """One colour for all faces, [1, 3, 1, 1]."""
    return torch.tensor([red, green, blue], dtype=torch.float32).view(1, 3, 1, 1)


def ellipse(x: Tensor, y: Tensor, radius_x: Scalar, radius_y: Scalar) -> Tensor:
    """Distance to an ellipse around the origin (first order: value over gradient)."""
    u, v = x / radius_x, y / radius_y
    length = (u * u + v * v + 1e-9).sqrt()
    slope = ((u / radius_x).square() + (v / radius_y).square() + 1e-9).sqrt()
    return length * (length - 1) / slope


def box(x: Tensor, y: Tensor, half_width: Scalar, half_height: Scalar, corner: Scalar) -> Tensor:
    """Distance to a box around the origin with rounded corners."""
    u, v = x.abs() - half_width + corner, y.abs() - half_height + corner
    outside = (u.clamp(min=0).square() + v.clamp(min=0).square()).sqrt()
    return outside + torch.maximum(u, v).clamp(max=0) - corner


def arc(x: Tensor, y: Tensor, half_width: Scalar, sag: Scalar, thickness: Scalar) -> Tensor:
    """Distance to a bent stroke around the origin, whose tapered ends lie `sag` lower than its middle."""
    position = x / half_width
    slope = 2 * sag * position.clamp(-1, 1) / half_width
    across = (y - sag * position.square()).abs() / (1 + slope * slope).sqrt()
    tapered = thickness * (1.15 - position.square()).clamp(min=0).sqrt()
    return torch.maximum(across - tapered, x.abs() - half_width)


def smooth_union(first: Tensor, second: Tensor, width: float) -> Tensor:
    """Union of two shapes whose joint is rounded over `width`."""
    overlap = (0.5 + 0.5 * (second - first) / width).clamp(0, 1)
    return torch.lerp(second, first, overlap) - width * overlap * (1 - overlap)


def ramp(low: float, high: float, value: Tensor) -> Tensor:
    """0 at `low`, 1 at `high`, smooth in between; `low` may be the larger one."""
    t = ((value - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def blob(x: Tensor, y: Tensor, radius_x: Scalar, radius_y: Scalar) -> Tensor:
    """A Gaussian spot around the origin, 1 in the middle."""
    return torch.exp(-(x / radius_x).square() - (y / radius_y).square())
