"""Cubic Bezier segments: points and derivatives at parameters, and chords for the search of the nearest point."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.canvases.strokes.strokes import Strokes

FLATNESS = 0.05  # px between curve and chord
LEAST_CHORDS, MOST_CHORDS = 4, 64  # of one segment
CHORD_PX = 8.0  # length of a chord, plus the width of the stroke; shorter ones make smaller boxes


class Cubics(NamedTuple):
    """The segments of all strokes: control points [C, 4, 2], and the stroke of each [C], in ascending order."""

    controls: Tensor
    stroke: Tensor

    def detach(self) -> Cubics:
        """The same segments without gradients."""
        return Cubics(self.controls.detach(), self.stroke)


class Chords(NamedTuple):
    """The polyline of every stroke, M chords in all.

    Ends [M, 2], the segment [M] each belongs to, its parameters [M] at the start and between start and end, and the
    length of the polyline [M] before the chord.
    """

    start: Tensor
    end: Tensor
    cubic: Tensor
    parameter: Tensor
    step: Tensor
    before: Tensor


def split_cubics(strokes: Strokes) -> Cubics:
    """The segments that are drawn."""
    windows = strokes.points.unfold(1, 4, 3).transpose(2, 3)  # [S, K, 4, 2]
    drawn = torch.arange(windows.shape[1], device=windows.device) < strokes.segment_counts()[:, None]
    return Cubics(windows[drawn], drawn.nonzero()[:, 0])


def bernstein(t: Tensor) -> Tensor:
    """[N] -> [N, 4] weights of the control points."""
    s = 1 - t
    return torch.stack([s * s * s, 3 * t * s * s, 3 * t * t * s, t * t * t], dim=-1)


def bernstein_velocity(t: Tensor) -> Tensor:
    """[N] -> [N, 4] weights of the control points in the first derivative by t."""
    s = 1 - t
    return torch.stack([-3 * s * s, 3 * s * s - 6 * t * s, 6 * t * s - 3 * t * t, 3 * t * t], dim=-1)


def bernstein_acceleration(t: Tensor) -> Tensor:
    """[N] -> [N, 4] weights of the control points in the second derivative by t."""
    s = 1 - t
    return torch.stack([6 * s, 6 * t - 12 * s, 6 * s - 12 * t, 6 * t], dim=-1)


def combine(weights: Tensor, controls: Tensor) -> Tensor:
    """Weights [N, 4] and control points [N, 4, 2] -> [N, 2]."""
    return (weights[..., None] * controls).sum(dim=-2)


def make_chords(cubics: Cubics, widths: Tensor) -> Chords:
    """Chords that leave the curve by at most FLATNESS (Wang's bound on the second differences)."""
    controls = cubics.controls
    bend = (controls[:, :-2] - 2 * controls[:, 1:-1] + controls[:, 2:]).norm(dim=-1).amax(dim=-1)
    length = (controls[:, 1:] - controls[:, :-1]).norm(dim=-1).sum(dim=-1)
    count = torch.maximum((0.75 * bend / FLATNESS).sqrt(), length / (CHORD_PX + widths[cubics.stroke]))
    count = count.ceil().clamp(LEAST_CHORDS, MOST_CHORDS).long()
    cubic = torch.repeat_interleave(count)
    step = 1 / count[cubic].to(controls.dtype)
    number = torch.arange(len(cubic), device=cubic.device) - (count.cumsum(0) - count)[cubic]
    parameter = number * step
    of_chord = controls[cubic]
    start, end = combine(bernstein(parameter), of_chord), combine(bernstein((number + 1) * step), of_chord)
    reach = (end - start).norm(dim=-1).cumsum(0)
    return Chords(start, end, cubic, parameter, step, reach - (end - start).norm(dim=-1))
