"""The unit of a direction: the alpha of a fixed amount of change, so that equal strengths change pictures equally.

A unit is the alpha > 0 at which the mean identity distance (1 - cosine of the face-recognition features) between fixed
samples and their edits is UNIT_DISTANCE. Models without a face recogniser measure CLIP features instead.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch

from styleclip.directions.drift import FixedFaces, fixed_faces, measure_of, see_pictures
from styleclip.directions.records import UnitOf
from styleclip.errors import UsageError
from styleclip.latents import Direction
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.sliders import Found, step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore

UNIT_DISTANCE = 0.1  # mean cosine distance at strength 1
SAMPLES, FIRST_SAMPLES = 64, 16  # faces; the first ones bring alpha near, then all are measured
TOLERANCE, FIRST_TOLERANCE = 0.01, 0.2  # of the distance, relative
MAX_EVALUATIONS = 24  # in each of the two searches
LARGEST_ALPHA = 1e6
FARTHEST, STRIDE = 0.5, 8.0  # a distance beyond which it tells nothing of alpha; the factor between two alphas then
MIN_SLOPE, MAX_SLOPE = 0.5, 4.0  # of log distance over log alpha; near 0 it is 2
DIGITS = 4  # of a unit

DirectionT = TypeVar("DirectionT", bound=StyleDirection | LatentDirection)


@dataclass(frozen=True)
class Calibration:
    """The unit of a direction: `alpha = strength * unit`.

    Args:
        unit: the alpha at which the mean distance is UNIT_DISTANCE.
        unit_of: what the distance is measured in: "identity", or "clip" without a face recogniser.

    Example:
        found = GlobalDirection().find(models, Prompt("a face with red hair"))
        half = found.at(0.5 * calibrate(models, found).unit)
    """

    unit: float
    unit_of: UnitOf


@torch.no_grad()
def calibrate(models: Models, found: Found, on_step: OnStep = ignore, samples: int = SAMPLES) -> Calibration:
    """Measure the unit of a direction. Of an absolute one alpha counts from the coordinate that each face has.

    Raises UsageError where no alpha moves the pictures so far.

    Args:
        models: the models of an editor.
        found: a direction, the step of an edit or a mapper; of a mapper alpha multiplies its strength.
        on_step: gets a step for each alpha that is tried.
        samples: faces of fixed seeds.
    """
    faces = fixed_faces(models, samples)
    step = step_in_s(models, found, faces.latent, faces.features.clip)
    measure = measure_of(models)
    alpha, tried = 1.0, 0
    for count, tolerance in ((min(FIRST_SAMPLES, samples), FIRST_TOLERANCE), (samples, TOLERANCE)):

        def distance(alpha: float, count: int = count) -> float:
            nonlocal tried
            tried += 1
            found_distance = mean_distance(models, faces, step, alpha, count, measure)
            on_step(Step(tried, 0, {"alpha": alpha, "distance": found_distance}, stage="unit"))
            return found_distance

        alpha = find_alpha(distance, UNIT_DISTANCE, alpha, tolerance)
    return Calibration(float(f"{alpha:.{DIGITS}g}"), measure)


def calibrated(direction: DirectionT, models: Models, on_step: OnStep = ignore, samples: int = SAMPLES) -> DirectionT:
    """The direction with its unit; one that has a unit stays as it is. Raises UsageError where no alpha moves it."""
    if direction.unit is not None:
        return direction
    found = calibrate(models, direction, on_step, samples)
    return replace(direction, unit=found.unit, unit_of=found.unit_of)


def mean_distance(
    models: Models, faces: FixedFaces, step: Direction, alpha: float, count: int, measure: UnitOf
) -> float:
    """The mean distance between the first `count` of the faces and `S + alpha * step`."""
    source = faces.in_s(models)
    seen = see_pictures(models, source[:count] + alpha * Direction(step.space, step.data[:count].to(source.data)))
    return faces.features[:count].distance(seen, measure).double().mean().item()


@dataclass
class _Bracket:
    """Alphas tried whose distances lie below and above the wanted one, as (log alpha, log distance)."""

    below: list[tuple[float, float]] = field(default_factory=list)
    above: list[tuple[float, float]] = field(default_factory=list)


def find_alpha(distance: Callable[[float], float], wanted: float, alpha: float, tolerance: float) -> float:
    """The alpha > 0 at which `distance(alpha)` is `wanted` within a relative `tolerance`.

    A secant in log alpha and log distance, which first grows as alpha^2: from `alpha` outwards until both sides are
    known, then between them. Raises UsageError where LARGEST_ALPHA is not enough, or the smallest too much.
    """
    bracket = _Bracket()
    for _ in range(MAX_EVALUATIONS):
        value = distance(alpha)
        value = value if math.isfinite(value) else sys.float_info.max
        if abs(value - wanted) <= tolerance * wanted:
            return alpha
        point = (math.log(alpha), math.log(max(value, 1e-12)))
        (bracket.below if value < wanted else bracket.above).append(point)
        following = min(max(math.exp(_next(bracket, math.log(wanted))), 1 / LARGEST_ALPHA), LARGEST_ALPHA)
        if math.isclose(following, alpha, rel_tol=1e-4):  # the distance leaps here, or alpha is at its limit
            break
        alpha = following
    if not bracket.above:
        raise UsageError("this direction moves no picture, however large alpha is; pass another direction")
    if not bracket.below:
        raise UsageError("the smallest alpha changes every picture beyond recognition; check the numbers of its file")
    return alpha


def _next(bracket: _Bracket, wanted: float) -> float:
    """The logarithm of the next alpha to try."""
    if bracket.below and bracket.above:
        (x, y), (x_above, y_above) = bracket.below[-1], bracket.above[-1]
        share = (wanted - y) / (y_above - y)
        return x + min(max(share, 0.05), 0.95) * (x_above - x)
    x, y = (bracket.below or bracket.above)[-1]
    if y > math.log(FARTHEST) or not math.isfinite(y):
        return x - math.log(STRIDE)
    change = (wanted - y) / _slope(bracket.below or bracket.above)
    return x + min(max(change, -math.log(STRIDE)), math.log(STRIDE))


def _slope(points: list[tuple[float, float]]) -> float:
    """The slope between the last two points; 2 where there is one."""
    if len(points) < 2:
        return 2.0
    (x0, y0), (x1, y1) = points[-2:]
    return min(max((y1 - y0) / (x1 - x0), MIN_SLOPE), MAX_SLOPE)
