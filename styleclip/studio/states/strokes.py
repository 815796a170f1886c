"""The strokes of the brush as a mask: white where the picture may change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

from PIL import Image, ImageDraw

from styleclip.regions import Region
from styleclip.studio.states.state import Stroke

DRAWN_PX = 1024  # of the longer side at least, in which strokes are drawn before they are reduced to the frame
MAX_SCALE = 8  # between that drawing and the frame
WHITE = 255

Size = tuple[int, int]  # height, width in px


def mask_picture(strokes: Sequence[Stroke], size: Size) -> Image.Image:
    """The mask "L" of strokes for a frame of this size, antialiased and not feathered, which `Region.load` does.

    The strokes are drawn in their order, each over the ones before. The mask starts black, and white where the first
    stroke erases.
    """
    height, width = size
    scale = min(max(-(-DRAWN_PX // max(size)), 1), MAX_SCALE)
    start = WHITE if strokes and strokes[0].erase else 0
    mask = Image.new("L", (width * scale, height * scale), start)
    draw = ImageDraw.Draw(mask)
    for stroke in strokes:
        _draw_stroke(draw, stroke, mask.size)
    return mask.resize((width, height), Image.Resampling.BOX)


def region_of(strokes: Sequence[Stroke], size: Size) -> Region | None:
    """The region of strokes, that of their mask; None without strokes: the whole picture may change.

    Raises UsageError where the strokes leave nothing that may change.
    """
    return Region.load(mask_picture(strokes, size), size) if strokes else None


def _draw_stroke(draw: ImageDraw.ImageDraw, stroke: Stroke, size: tuple[int, int]) -> None:
    """Draw a disk of `radius` widths of the frame at every point, and the band between neighbours.

    In the coordinates of Pillow a pixel is a whole number, and outlines are drawn one pixel wide.
    """
    colour, radius = 0 if stroke.erase else WHITE, max(stroke.radius * size[0] - 0.5, 0.0)
    places = ((x * size[0] - 0.5, y * size[1] - 0.5) for x, y in stroke.points)
    points = [point for point, _ in groupby(places)]
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        dx, dy = radius * (y0 - y1) / length, radius * (x1 - x0) / length
        draw.polygon([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)], fill=colour)
