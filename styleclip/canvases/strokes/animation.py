"""A drawing that comes into being stroke by stroke, as frames."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from PIL.Image import Image
from torch import Tensor

from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.images import to_pil

MOST_FRAMES, STROKE_FRAMES = 96, 6  # of a drawing, of one stroke
FRAME_MS, LAST_MS = 60, 2000  # of a GIF


@torch.no_grad()
def stroke_frames(
    strokes: Strokes, size: tuple[int, int], background: Tensor | None = None, most: int = MOST_FRAMES
) -> list[Image]:
    """Frames from the empty canvas to the drawing.

    Where there are few strokes, each is drawn in several frames; where there are many, a frame has several new ones.
    """
    strokes = strokes.detach()
    count = len(strokes)
    parts = max(1, min(STROKE_FRAMES, most // max(count, 1)))
    below, whole, frames = rasterise(strokes[:0], size, background), 0, []
    for moment in torch.linspace(0, count, min(most, count * parts) + 1).tolist():
        begun = first_strokes(strokes, moment)
        below = rasterise(begun[whole : int(moment)], size, below)
        whole = int(moment)
        frames.append(to_pil(rasterise(begun[whole:], size, below)[None])[0])
    return frames


def gif_bytes(frames: Sequence[Image]) -> bytes:
    """An animated GIF of frames of one size, which stays at the last one for LAST_MS."""
    buffer = io.BytesIO()
    times = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return buffer.getvalue()


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
