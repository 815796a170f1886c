"""Strokes for tests, and drawings of them by supersampling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.canvases.strokes.cubics import bernstein
from styleclip.canvases.strokes.strokes import Strokes, black

SAMPLES = 16  # per pixel, along each axis


def straight(start: Sequence[float], end: Sequence[float], width: float = 1.5) -> Strokes:
    """One straight black stroke, in double precision."""
    a, b = torch.tensor(start, dtype=torch.float64), torch.tensor(end, dtype=torch.float64)
    points = torch.stack([torch.lerp(a, b, k / 3) for k in range(4)])[None]
    return Strokes(points, points.new_tensor([width]), black(1, points))


def random_strokes(
    count: int, side: float, seed: int = 0, segments: int = 1, width: float = 1.5, step: float = 0.12
) -> Strokes:
    """Strokes in random translucent colours, that also leave the canvas, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(count, 1, 2, generator=generator, dtype=torch.float64)
    steps = step * torch.randn(count, 3 * segments, 2, generator=generator, dtype=torch.float64)
    points = side * torch.cat([start, start + steps.cumsum(dim=1)], dim=1)
    colors = torch.rand(count, 4, generator=generator, dtype=torch.float64)
    return Strokes(points, points.new_full((count,), width), colors)


def supersampled(strokes: Strokes, size: tuple[int, int], background: float = 1.0) -> Tensor:
    """The picture [3, H, W] in [-1, 1] from the coverage of every stroke by 16 x 16 samples of each pixel."""
    picture = strokes.points.new_full((3, *size), background)
    for i in range(len(strokes)):
        part = strokes.colors[i, 3] * covered_samples(strokes, i, size)
        picture = torch.lerp(picture, (strokes.colors[i, :3] * 2 - 1)[:, None, None], part)
    return picture


def covered_samples(strokes: Strokes, index: int, size: tuple[int, int]) -> Tensor:
    """The share [H, W] of samples within half the width of a polyline of 96 chords for each segment."""
    height, width = size
    reach, points = float(strokes.widths[index]) / 2, strokes.points[index]
    inside = torch.zeros(height * SAMPLES, width * SAMPLES, dtype=torch.bool)
    place = [(torch.arange(n * SAMPLES, dtype=torch.float64) + 0.5) / SAMPLES for n in size]
    for first in range(0, 3 * int(strokes.segment_counts()[index]), 3):
        curve = bernstein(torch.linspace(0, 1, 97, dtype=torch.float64)) @ points[first : first + 4]
        for a, b in zip(curve[:-1], curve[1:], strict=True):
            low, high = (torch.minimum(a, b) - reach) * SAMPLES, (torch.maximum(a, b) + reach) * SAMPLES
            columns, rows = (slice(max(0, int(low[i])), max(0, int(high[i]) + 2)) for i in (0, 1))
            x, y = place[1][columns] - a[0], (place[0][rows] - a[1])[:, None]
            along = b - a
            t = ((x * along[0] + y * along[1]) / along.square().sum().clamp(min=1e-12)).clamp(0, 1)
            inside[rows, columns] |= (x - t * along[0]) ** 2 + (y - t * along[1]) ** 2 <= reach**2
    return inside.double().reshape(height, SAMPLES, width, SAMPLES).mean(dim=(1, 3))
