"""Strokes that move from one sketch to the next: an animated SVG, and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from styleclip.canvases.strokes.strokes import Strokes
from styleclip.canvases.strokes.svg import stroke_path, svg

SECONDS_BETWEEN = 0.6  # two sketches
FRAMES_BETWEEN = 8


def morph_svg(sketches: Sequence[Strokes], size: tuple[int, int]) -> str:
    """A document whose strokes move through all sketches, which have equally many strokes, and back, for ever."""
    if len(sketches) == 1:
        return svg(sketches[0], size)
    there_and_back = [*sketches, *sketches[-2::-1]]
    seconds = SECONDS_BETWEEN * (len(there_and_back) - 1)
    still = svg(sketches[0], size).splitlines()
    moving = []
    for i in range(len(sketches[0])):
        values = ";".join(_path_of(each, i) for each in there_and_back)
        moves = f'<animate attributeName="d" dur="{seconds:g}s" repeatCount="indefinite" values="{values}"/>'
        moving.append(stroke_path(sketches[0], i, content=moves))
    first = next(i for i, line in enumerate(still) if line.startswith("<path"))
    return "\n".join([*still[:first], *moving, *still[first + len(moving) :]]) + "\n"


def morph_frames(sketches: Sequence[Strokes]) -> list[Strokes]:
    """The strokes on the way from the first sketch to the last, with smooth changes of speed at none of them."""
    frames = [sketches[0]]
    for before, after in zip(sketches, sketches[1:], strict=False):
        for k in range(1, FRAMES_BETWEEN + 1):
            frames.append(replace(after, points=torch.lerp(before.points, after.points, k / FRAMES_BETWEEN)))
    return frames


def _path_of(strokes: Strokes, index: int) -> str:
    """The path data of a stroke, as `stroke_path` writes it."""
    return stroke_path(strokes, index).split('d="')[1].split('"')[0]
