"""The files of a drawing."""

from __future__ import annotations

from functools import cached_property

import torch
from PIL.Image import Image
from torch import Tensor

from styleclip.alignment.photos import Photo
from styleclip.canvases.strokes.animation import gif_bytes, stroke_frames
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.canvases.strokes.svg import drawing_svg, svg
from styleclip.images import from_pil, to_pil

PICTURE_SIDE, GIF_SIDE = 512, 256  # px, the shorter sides at least of drawing.png, and of drawing.gif
MOST_SIDE = 1600  # px, the longer side at most, on a photo
FILES = ("drawing.png", "drawing.svg", "animation.svg", "animation.gif", "result.json")


class DrawingFiles:
    """Strokes as a picture, as SVG, and drawn one after the other.

    Args:
        strokes: on a canvas of `size` (height, width).
        photo: the background; white where there is none.
    """

    def __init__(self, strokes: Strokes, size: tuple[int, int], photo: Photo | None) -> None:
        self.strokes, self.size, self.photo = strokes.to("cpu"), size, photo

    def pictures(self) -> dict[str, Image]:
        strokes, size, background = self._scale(self._picture_side)
        with torch.no_grad():
            return {"drawing.png": to_pil(rasterise(strokes, size, background)[None])[0]}

    def documents(self) -> dict[str, bytes]:
        large, small = self._scale(self._picture_side), self._scale(GIF_SIDE)
        return {
            "drawing.svg": svg(*large).encode(),
            "animation.svg": drawing_svg(*large).encode(),
            "animation.gif": gif_bytes(stroke_frames(*small)),
        }

    @cached_property
    def _picture_side(self) -> int:
        """The shorter side of the picture: that of the photo within limits, or PICTURE_SIDE."""
        if self.photo is None:
            return max(PICTURE_SIDE, *self.size)
        shorter, longer = sorted(self.photo.image.size)
        return round(shorter * min(MOST_SIDE / longer, max(1.0, PICTURE_SIDE / shorter)))

    def _scale(self, side: int) -> tuple[Strokes, tuple[int, int], Tensor | None]:
        """Strokes, size and background of a drawing with this shorter side."""
        factor = side / min(self.size)
        height, width = (round(n * factor) for n in self.size)
        if self.photo is None:
            return self.strokes.scale(factor), (height, width), None
        background = from_pil([self.photo.image.resize((width, height))])[0]
        return self.strokes.scale(factor), (height, width), background
