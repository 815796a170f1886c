"""The random strokes that a drawing starts from."""

from __future__ import annotations

import torch

from styleclip.canvases.drawing.settings import UNIT_SIDE, Drawing
from styleclip.canvases.strokes.strokes import Strokes


def start_strokes(settings: Drawing, size: tuple[int, int], generator: torch.Generator) -> Strokes:
    """Open paths of 1 to `segments` cubic segments, from a random place by small random steps, in random colours.

    As CLIPDraw's: every coordinate of a step is uniform within `reach` canvases either way.
    """
    count, most, side = settings.strokes, settings.segments, min(size)
    segments = torch.randint(1, most + 1, (count,), generator=generator)
    start = torch.rand(count, 1, 2, generator=generator) * torch.tensor([size[1] / side, size[0] / side])
    steps = settings.reach * (2 * torch.rand(count, 3 * most, 2, generator=generator) - 1)
    points = side * torch.cat([start, start + steps.cumsum(dim=1)], dim=1)
    widths = torch.full((count,), settings.width * side / UNIT_SIDE)
    return Strokes(points, widths, torch.rand(count, 4, generator=generator), segments)
