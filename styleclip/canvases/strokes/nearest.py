"""The pixels that strokes may touch, and for each the nearest point of the stroke's centre line.

The search knows no gradients. Only pixels within the box of a chord, enlarged by half the width, are looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.canvases.strokes.cubics import (
    Chords,
    Cubics,
    bernstein,
    bernstein_acceleration,
    bernstein_velocity,
    combine,
    make_chords,
)

HALF_DIAGONAL = 0.7072  # of a pixel, px: farther from an edge than this, a pixel is on one side of it
SLACK = 0.1  # px between chord and curve, and beyond
NEWTON_STEPS = 4
SNAP = 1e-5  # parameters this near to an end of a segment are the end


class Nearest(NamedTuple):
    """Pairs of a stroke and a pixel near it, N in all, sorted by stroke.

    stroke [N]; pixel [N], the index row * width + column; its centre [N, 2] in px; the segment [N] and parameter [N]
    of the nearest point; the length [N] of the stroke up to it and from it to the end, in px.
    """

    stroke: Tensor
    pixel: Tensor
    centre: Tensor
    cubic: Tensor
    parameter: Tensor
    to_start: Tensor
    to_end: Tensor


@torch.no_grad()
def find_nearest(cubics: Cubics, widths: Tensor, size: tuple[int, int]) -> Nearest:
    """Pairs of strokes with the pixels that they may touch, on a canvas of (height, width)."""
    chords = make_chords(cubics, widths)
    reach = widths[cubics.stroke[chords.cubic]] / 2 + HALF_DIAGONAL + SLACK
    low, extent = _boxes(chords, reach, size)
    chord, column, row = _expand(low, extent)
    centre = torch.stack([column, row], dim=-1).to(widths.dtype) + 0.5
    distance, fraction = _to_chords(chords, chord, centre)
    near = distance < reach[chord].square()
    chord, column, row, distance, fraction = (each[near] for each in (chord, column, row, distance, fraction))
    stroke, pixel, centre = cubics.stroke[chords.cubic[chord]], row * size[1] + column, centre[near]
    best = _first_least(stroke * (size[0] * size[1]) + pixel, distance)
    chord, fraction, stroke, pixel, centre = (each[best] for each in (chord, fraction, stroke, pixel, centre))
    parameter = _newton(cubics.controls, chords, chord, fraction, centre)
    lengths = (chords.end - chords.start).norm(dim=-1)
    total = torch.zeros_like(widths).index_add_(0, cubics.stroke[chords.cubic], lengths)
    origin = total.cumsum(0) - total  # the length of all strokes before
    passed = (parameter - chords.parameter[chord]) / chords.step[chord] * lengths[chord]
    to_start = (chords.before[chord] - origin[stroke] + passed).clamp(min=0)
    return Nearest(
        stroke, pixel, centre, chords.cubic[chord], parameter, to_start, (total[stroke] - to_start).clamp(min=0)
    )


def _boxes(chords: Chords, reach: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The first column and row [M, 2] of the pixels whose centres lie in the box of a chord, and their numbers."""
    last = torch.tensor([size[1], size[0]], device=reach.device) - 1
    low = (torch.minimum(chords.start, chords.end) - reach[:, None] - 0.5).clamp(-1, max(size)).ceil().long()
    high = (torch.maximum(chords.start, chords.end) + reach[:, None] - 0.5).clamp(-1, max(size)).floor().long()
    low, high = low.clamp(min=0), torch.minimum(high, last)
    return low, (high - low + 1).clamp(min=0)


def _expand(low: Tensor, extent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every pixel of every box: the number of the box, column and row."""
    area = extent.prod(dim=-1)
    box = torch.repeat_interleave(area)
    number = torch.arange(len(box), device=box.device) - (area.cumsum(0) - area)[box]
    columns = extent[:, 0][box]
    row = number.div(columns, rounding_mode="floor")
    return box, low[:, 0][box] + number - row * columns, low[:, 1][box] + row


def _to_chords(chords: Chords, chord: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance [N] of pixel centres to their chords, and where on the chord the foot lies, 0..1."""
    along = chords.end - chords.start
    scale = along / along.square().sum(dim=-1, keepdim=True).clamp(min=1e-12)
    start, along = chords.start[chord], along[chord]
    offset = centre - start
    fraction = (offset * scale[chord]).sum(dim=-1).clamp(0, 1)
    return (offset - fraction[:, None] * along).square().sum(dim=-1), fraction


def _first_least(key: Tensor, values: Tensor) -> Tensor:
    """The indices of the least value of every key, sorted by key; of equal ones the first."""
    found, cell = torch.unique(key, return_inverse=True)
    least = values.new_full((len(found),), torch.inf).scatter_reduce_(0, cell, values, "amin")
    index = torch.arange(len(cell), device=cell.device)
    index = torch.where(values <= least[cell], index, len(cell))
    return index.new_full((len(found),), len(cell)).scatter_reduce_(0, cell, index, "amin")


def _newton(controls: Tensor, chords: Chords, chord: Tensor, fraction: Tensor, centre: Tensor) -> Tensor:
    """The parameters [N] of the nearest points of the curve, searched from the feet on the chords."""
    controls = controls[chords.cubic[chord]]
    first, step = chords.parameter[chord], chords.step[chord]
    low, high = (first - step).clamp(min=0), (first + 2 * step).clamp(max=1)
    t = begin = first + fraction * step
    for _ in range(NEWTON_STEPS):
        t = (t - newton_step(controls, t, centre)).clamp(low, high)
    t = torch.where(t < SNAP, 0.0, torch.where(t > 1 - SNAP, 1.0, t))
    before, after = ((combine(bernstein(each), controls) - centre).square().sum(dim=-1) for each in (begin, t))
    return torch.where(after > before, begin, t)


def newton_step(controls: Tensor, t: Tensor, centre: Tensor) -> Tensor:
    """Newton's step towards the foot of the perpendicular from `centre`: f / f' for f = (B(t) - centre) . B'(t).

    0 where f' is not positive, so no minimum is near.
    """
    offset = combine(bernstein(t), controls) - centre
    velocity = combine(bernstein_velocity(t), controls)
    acceleration = combine(bernstein_acceleration(t), controls)
    speed = velocity.square().sum(dim=-1)
    slope = speed + (offset * acceleration).sum(dim=-1)
    usable = slope > 1e-3 * speed + 1e-12
    return torch.where(usable, (offset * velocity).sum(dim=-1) / torch.where(usable, slope, 1.0), 0.0)
