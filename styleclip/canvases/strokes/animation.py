"""A drawing that comes into being stroke by stroke, as frames."""

from __future__ import annotations

import torch
from PIL.Image import Image
from torch import Tensor

from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.images import to_pil

MOST_FRAMES = 96


def stroke_frames(
    strokes: Strokes, size: tuple[int, int], background: Tensor | None = None, most: int = MOST_FRAMES
) -> list[Image]:
    """Frames from the empty canvas to the drawing.

    Where there are few strokes, each is drawn in several frames; where there are many, a frame has several new ones.
    """
    count = len(strokes)
    parts = max(1, most // max(count, 1))
    moments = torch.linspace(0, count, min(most, count * parts) + 1).tolist()
    with torch.no_grad():
        pictures = [rasterise(first_strokes(strokes.detach(), moment), size, background) for moment in moments]
    return [to_pil(picture[None])[0] for picture in pictures]


def first_strokes(strokes: Strokes, number: float) -> Strokes:
    """The first strokes; of the last one the part after the decimal point, e.g. 2.5 for two and a half."""
    whole = int(number)
    if number == whole or whole >= len(strokes):
        return strokes[:whole]
    segments = int(strokes.segment_counts()[whole])
    part = (number - whole) * segments
    cut = min(int(part), segments - 1)
    points = strokes.points[: whole + 1].clone()
    points[whole, 3 * cut : 3 * cut + 4] = _first_part(points[whole, 3 * cut : 3 * cut + 4], part - cut)
    counts = strokes.segment_counts()[: whole + 1].clone()
    counts[whole] = cut + 1
    return Strokes(points, strokes.widths[: whole + 1], strokes.colors[: whole + 1], counts)


def _first_part(controls: Tensor, t: float) -> Tensor:
    """The control points [4, 2] of the curve up to the parameter t (de Casteljau)."""
    result = [controls[0]]
    while len(controls) > 1:
        controls = torch.lerp(controls[:-1], controls[1:], t)
        result.append(controls[0])
    return torch.stack(result)
