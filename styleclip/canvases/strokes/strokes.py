"""Strokes: paths of cubic Bezier segments with width and colour."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.errors import UsageError


@dataclass(frozen=True)
class Strokes:
    """S strokes, the first at the bottom. Each is a path of K cubic Bezier segments with round caps and joins.

    The centre of the pixel in row i and column j is at (j + .5, i + .5), as in SVG.

    Args:
        points: [S, 3K + 1, 2] control points (x, y) in px; neighbouring segments share one.
        widths: [S] in px, above 0.
        colors: [S, 4] red, green, blue and opacity in 0..1.
        segments: [S] number of segments that each stroke has, at most K; the points after them are not drawn.
            By default all K.

    Example:
        line = Strokes(torch.tensor([[[8.0, 8.0], [24.0, 8.0], [40.0, 8.0], [56.0, 8.0]]]), torch.tensor([1.5]), BLACK)
    """

    points: Tensor
    widths: Tensor
    colors: Tensor
    segments: Tensor | None = None

    def __post_init__(self) -> None:
        count, length = self.points.shape[:2] if self.points.ndim == 3 else (-1, 0)
        if count < 0 or self.points.shape[2] != 2 or length < 4 or length % 3 != 1:
            raise UsageError(f"points of strokes have shape {list(self.points.shape)}; pass [strokes, 3K + 1, 2]")
        if self.widths.shape != (count,) or self.colors.shape != (count, 4):
            shapes = f"{list(self.widths.shape)} and {list(self.colors.shape)}"
            raise UsageError(f"widths and colours of strokes have shapes {shapes}; pass [{count}] and [{count}, 4]")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, chosen: slice | Tensor) -> Strokes:
        """Some of the strokes, in their order."""
        segments = None if self.segments is None else self.segments[chosen]
        return Strokes(self.points[chosen], self.widths[chosen], self.colors[chosen], segments)

    def segment_counts(self) -> Tensor:
        """[S] number of segments of each stroke."""
        most = (self.points.shape[1] - 1) // 3
        return torch.full_like(self.widths, most, dtype=torch.long) if self.segments is None else self.segments

    def detach(self) -> Strokes:
        """The same strokes without gradients."""
        return Strokes(self.points.detach(), self.widths.detach(), self.colors.detach(), self.segments)

    def to(self, device: torch.device | str) -> Strokes:
        """The same strokes on a device."""
        segments = None if self.segments is None else self.segments.to(device)
        return Strokes(self.points.to(device), self.widths.to(device), self.colors.to(device), segments)

    def scale(self, factor: float) -> Strokes:
        """The strokes on a canvas that is `factor` times as large, with widths to match."""
        return Strokes(self.points * factor, self.widths * factor, self.colors, self.segments)


def black(count: int, like: Tensor) -> Tensor:
    """[count, 4] opaque black."""
    return torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=like.dtype, device=like.device).expand(count, 4)
