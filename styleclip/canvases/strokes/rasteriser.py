"""The differentiable rasteriser: strokes -> picture."""

from __future__ import annotations

from torch import Tensor

from styleclip.canvases.strokes.compositing import composite
from styleclip.canvases.strokes.coverage import coverage
from styleclip.canvases.strokes.cubics import split_cubics
from styleclip.canvases.strokes.nearest import find_nearest
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.errors import NumericError


def rasterise(strokes: Strokes, size: tuple[int, int], background: Tensor | None = None) -> Tensor:
    """The picture [3, H, W] in [-1, 1] of strokes on a canvas of `size` (height, width).

    It is antialiased with a box filter of one pixel, and has gradients by points, widths and colours. A stroke that
    crosses itself covers a pixel as much as its nearest part does. Raises NumericError for NaN and infinity.

    Args:
        background: a picture [3, H, W] or a colour [3, 1, 1], in [-1, 1]; white by default.
    """
    if not all(values.detach().isfinite().all() for values in (strokes.points, strokes.widths, strokes.colors)):
        raise NumericError("the strokes hold NaN or infinite values; use a smaller learning rate")
    height, width = size
    paper = strokes.points.new_ones(3, 1, 1) if background is None else background.to(strokes.points)
    paper = paper.expand(3, height, width).reshape(3, -1)
    if not len(strokes):
        return paper.reshape(3, height, width)
    cubics = split_cubics(strokes)
    nearest = find_nearest(cubics.detach(), strokes.widths.detach(), size)
    colors = strokes.colors[nearest.stroke]
    alpha = coverage(cubics, strokes.widths, nearest) * colors[:, 3]
    return composite(paper, nearest.pixel, alpha, colors[:, :3] * 2 - 1).reshape(3, height, width)
