"""Strokes as a canvas: what is optimized of them, and the picture they make."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes

PARTS = ("points", "widths", "colors")


class StrokeCanvas(nn.Module):
    """Strokes on a background, as parameters of a `CanvasLoop`.

    Args:
        strokes: as they are at the start.
        size: (height, width) of the picture.
        background: as for `rasterise`.
        mirror: whether every stroke is painted again, mirrored at the middle of the canvas.

    Example:
        canvas = StrokeCanvas(strokes, (224, 224))
        optimizer = torch.optim.Adam(canvas.groups({"points": 1.0}))
    """

    points: nn.Parameter
    widths: nn.Parameter
    colors: nn.Parameter

    def __init__(
        self, strokes: Strokes, size: tuple[int, int], background: Tensor | None = None, mirror: bool = False
    ) -> None:
        super().__init__()
        self.size, self.background, self.segments, self.mirror = size, background, strokes.segments, mirror
        for part in PARTS:
            self.register_parameter(part, nn.Parameter(getattr(strokes, part).detach().clone(), requires_grad=False))

    def forward(self) -> Tensor:
        """The picture [3, H, W] in [-1, 1]."""
        return rasterise(self.strokes(), self.size, self.background)

    def strokes(self) -> Strokes:
        """The strokes as they stand, with their gradients; mirrored ones follow theirs."""
        strokes = Strokes(self.points, self.widths, self.colors, self.segments)
        return add_mirrored(strokes, self.size[1]) if self.mirror else strokes

    def groups(self, rates: Mapping[str, float]) -> list[dict[str, object]]:
        """Groups of an optimizer: which of "points", "widths" and "colors" are trained, with their learning rates."""
        for part in PARTS:
            getattr(self, part).requires_grad_(part in rates)
        return [{"params": [getattr(self, part)], "lr": rate} for part, rate in rates.items()]

    @torch.no_grad()
    def limit(self, least_width: float, most_width: float) -> None:
        """Keep widths within limits in px, and colours and opacities in 0..1."""
        self.widths.clamp_(least_width, most_width)
        self.colors.clamp_(0, 1)


def add_mirrored(strokes: Strokes, width: int) -> Strokes:
    """Every stroke, and after it its mirror image on a canvas of this width."""
    sign, shift = strokes.points.new_tensor([-1.0, 1.0]), strokes.points.new_tensor([float(width), 0.0])
    points = torch.stack([strokes.points, strokes.points * sign + shift], dim=1).flatten(0, 1)
    segments = None if strokes.segments is None else strokes.segments.repeat_interleave(2)
    return Strokes(points, strokes.widths.repeat_interleave(2), strokes.colors.repeat_interleave(2, dim=0), segments)
