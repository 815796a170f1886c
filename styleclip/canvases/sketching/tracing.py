"""Strokes along the lines of a picture: each follows a line from one of its pixels in both directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.floating[Any]]

STEP = 0.018  # from one point of a path to the next; this and all lengths are in sides of the picture
LENGTH = 0.55  # longest path
TURN, TURNS = 50.0, 11  # degrees to either side that a path may turn by in one step, and how many are tried
TURN_COST = 0.15  # of a turn by 90 degrees, in the strength of the line
WEAK = 0.25  # strength at which a line ends, of at most 1
RIDGE = 0.009  # blur that makes lines ridges, whose crest a path follows
NEAR = 0.04  # pixels so near to a stroke are drawn already
DRAWN = 0.05  # what is left of their weight
AROUND = 0.027  # blur of the weights, so that strokes begin where there is much to draw
SHARPNESS = 10.0  # of the softmax that draws the start
SAMPLES = 40  # points of a curve


def trace_strokes(weights: Tensor, strokes: int, generator: torch.Generator) -> Tensor:
    """Control points [strokes, 4, 2] in sides of the picture; x, then y.

    Strokes begin one after another at pixels where `weights` [S, S] are positive, where most of the weight is that no
    stroke has covered yet, follow the line there, and become the cubic Bezier of least squares. Longer ones come first.
    """
    given = weights.double().cpu().numpy()
    whole, ridge = given / _thickness(given > 0), _ridge(given > 0)
    side, left = len(whole), whole.copy()
    rows, columns = (whole > 0).nonzero()
    pixels = np.stack([columns + 0.5, rows + 0.5], axis=1) / side
    found = []
    for _ in range(strokes):
        if left.sum() < DRAWN * whole.sum():  # all is drawn: once more
            left = whole.copy()
        path = _follow_both_ways(ridge, _draw_start(left, pixels, rows, columns, generator))
        controls = _fit_cubic(path)
        found.append(controls)
        curve = _bernstein(np.linspace(0, 1, SAMPLES)) @ controls
        distance = np.linalg.norm(pixels[:, None] - curve[None], axis=2).min(axis=1, initial=np.inf)
        left[rows, columns] *= np.where(distance < NEAR, DRAWN, 1.0)
    found.sort(key=_chords_length, reverse=True)
    return torch.tensor(np.array(found), dtype=torch.float32)


def _thickness(lines: NDArray[np.bool_]) -> Array:
    """[S, S] px, at least 1: how thick the lines are around a pixel, so that a thick one has no more weight."""
    from scipy.ndimage import distance_transform_edt, maximum_filter  # importing scipy takes 0.2 s

    inside = distance_transform_edt(lines)
    thickness: Array = maximum_filter(inside, max(3, round(AROUND * len(lines)) * 2 + 1)).clip(1)
    return thickness


def _ridge(lines: NDArray[np.bool_]) -> Array:
    """[S, S] in [0, 1]: lines that fall off to both sides."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(lines.astype(float), RIDGE * len(lines))
    ridge: Array = np.minimum(1.5 * blurred / max(blurred.max(), 1e-9), 1)
    return ridge


def _draw_start(
    left: Array, pixels: Array, rows: NDArray[Any], columns: NDArray[Any], generator: torch.Generator
) -> Array:
    """A pixel (x, y) with a positive weight, where there is much weight around; the middle where there is none."""
    from scipy.ndimage import gaussian_filter

    around = gaussian_filter(left, AROUND * len(left))[rows, columns]
    if not len(around) or around.max() <= 0:
        return np.array([0.5, 0.5])
    shares = torch.softmax(torch.from_numpy(SHARPNESS * around / around.max()), dim=0)
    chosen: Array = pixels[int(torch.multinomial(shares, 1, generator=generator))]
    return chosen


def _follow_both_ways(ridge: Array, start: Array) -> Array:
    """The path [N, 2] along the line through a place, at least two points."""
    angles = np.deg2rad(np.arange(0, 360, 10))
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ahead = sum(_values(ridge, start + k * STEP * around) for k in (1, 2))
    direction = around[int(np.argmax(ahead))]
    forth, back = (_follow(ridge, start, sign * direction) for sign in (1, -1))
    path = [*back[::-1], start, *forth]
    return np.array(path if len(path) > 1 else [start - STEP / 2 * direction, start + STEP / 2 * direction])


def _follow(ridge: Array, place: Array, direction: Array) -> list[Array]:
    """The places on the crest of a line, up to half of the longest path."""
    path: list[Array] = []
    angles = np.deg2rad(np.linspace(-TURN, TURN, TURNS))
    cos, sin = np.cos(angles), np.sin(angles)
    for _ in range(int(LENGTH / 2 / STEP)):
        turned = np.stack([cos * direction[0] - sin * direction[1], sin * direction[0] + cos * direction[1]], axis=1)
        strength = _values(ridge, place + STEP * turned) - TURN_COST * (1 - cos)
        best = int(np.argmax(strength))
        if strength[best] < WEAK:
            break
        place, direction = place + STEP * turned[best], turned[best]
        path.append(place)
    return path


def _values(ridge: Array, places: Array) -> Array:
    """The ridge at places [N, 2], bilinear; 0 outside."""
    from scipy.ndimage import map_coordinates

    x, y = places.T * len(ridge) - 0.5
    values: Array = map_coordinates(ridge, [y, x], order=1, cval=0.0)
    return values


def _fit_cubic(path: Array) -> Array:
    """Control points [4, 2] of the cubic nearest to a path [N, 2], by the lengths of its chords.

    Where the path has few points, they are drawn a little towards those of a straight line.
    """
    lengths = np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
    straight = path[0] + (path[-1] - path[0]) * np.linspace(0, 1, 4)[:, None]
    pull = 1e-3
    system = np.concatenate([_bernstein(lengths / max(lengths[-1], 1e-9)), pull * np.eye(4)])
    return np.linalg.lstsq(system, np.concatenate([path, pull * straight]), rcond=None)[0]


def _chords_length(controls: Array) -> float:
    return float(np.linalg.norm(np.diff(controls, axis=0), axis=1).sum())


def _bernstein(t: Array) -> Array:
    """[N, 4]: the weights of the control points of a cubic at parameters [N]."""
    return np.stack([math.comb(3, k) * t**k * (1 - t) ** (3 - k) for k in range(4)], axis=1)
