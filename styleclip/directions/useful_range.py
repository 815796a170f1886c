"""The useful range of a direction: from the lowest to the highest alpha at which faces stay themselves and samples.

The end of a side is where the mean identity (cosine of the face-recognition features) falls under MIN_IDENTITY or,
before that, where the pictures leave the samples. Three alphas tell that, and their geometric mean is taken:

- style: the step has a length of MAX_STYLE standard deviations of the style channels (root mean square);
- scatter: the squared length that faces moved each in its own way reaches MAX_SCATTER in the whitened CLIP space of
  `SampleSpread`, in the mean squared distance of samples from their mean;
- outward: a quarter of the faces has moved away from the mean of the samples by MAX_OUTWARD in the same unit.

The limits were chosen on the tuning texts of the demo world (benchmarks/directions.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from styleclip.directions.calibration import find_alpha
from styleclip.directions.drift import Features, FixedFaces, fixed_faces, see_pictures
from styleclip.directions.sample_spread import SampleSpread, sample_spread, style_deviation
from styleclip.errors import UsageError
from styleclip.latents import Direction
from styleclip.methods.claim_direction import MIN_STD
from styleclip.methods.sliders import Found, step_in_s
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore

MIN_IDENTITY = 0.5  # mean cosine with the unedited faces
MAX_STYLE = 0.85  # standard deviations
MAX_SCATTER, MAX_OUTWARD = 0.5, 0.114  # in the mean squared distance of samples from their mean
SAMPLES, FIRST_SAMPLES = 64, 16  # faces; the first ones bring alpha near, then all are measured
TOLERANCE, FIRST_TOLERANCE = 0.06, 0.3  # of the scatter, which grows as alpha^2, relative
APART = 4.0  # factor between the alphas of scatter and outward at most
HALVINGS = 3  # of the interval between two alphas, in log alpha
DIGITS = 3  # of a range


@torch.no_grad()
def find_range(models: Models, found: Found, on_step: OnStep = ignore, samples: int = SAMPLES) -> tuple[float, float]:
    """The lowest and the highest useful alpha, below and above 0.

    Of an absolute direction alpha counts from the coordinate that each face has. Raises UsageError for a direction that
    moves no picture.

    Args:
        models: the models of an editor.
        found: a direction, the step of an edit or a mapper.
        on_step: gets a step for each block of samples that CLIP has to see first, and for each alpha that is tried.
        samples: faces of fixed seeds, whose edits are compared with the samples that CLIP has seen.
    """
    spread = sample_spread(models, on_step)
    faces = fixed_faces(models, samples)
    step = step_in_s(models, found, faces.latent, faces.features.clip)
    start = MAX_STYLE / style_length(models, step)
    lowest, highest = (_Side(models, faces, sign * step, spread, on_step).end(start) for sign in (-1.0, 1.0))
    return _rounded(-lowest), _rounded(highest)


@dataclass
class _Side:
    """The search for the end of one side; `step` points to it."""

    models: Models
    faces: FixedFaces
    step: Direction
    spread: SampleSpread
    on_step: OnStep
    seen: dict[tuple[float, int | None], Features] = field(default_factory=dict)

    def end(self, style: float) -> float:
        """The end, from the alpha at which the style channels leave the samples."""
        near = find_alpha(lambda alpha: self.scatter(alpha, FIRST_SAMPLES), MAX_SCATTER, style, FIRST_TOLERANCE)
        scatter = find_alpha(self.scatter, MAX_SCATTER, near, TOLERANCE)
        outward = _crossing(lambda alpha: not self.outward(alpha) <= MAX_OUTWARD, scatter)
        alpha = (style * scatter * outward) ** (1 / 3)
        if self.models.identity is None or self.identity(alpha) >= MIN_IDENTITY:
            return alpha
        return _crossing(lambda alpha: self.identity(alpha) < MIN_IDENTITY, alpha)

    def scatter(self, alpha: float, count: int | None = None) -> float:
        return self.spread.scatter(self.faces.features.clip[:count], self.see(alpha, count).clip)

    def outward(self, alpha: float) -> float:
        return self.spread.outward(self.faces.features.clip, self.see(alpha).clip)

    def identity(self, alpha: float) -> float:
        return 1 - self.faces.features.distance(self.see(alpha), "identity").mean().item()

    def see(self, alpha: float, count: int | None = None) -> Features:
        """The features of the first `count` faces, or of all, at an alpha."""
        if (alpha, count) not in self.seen:
            source = self.faces.in_s(self.models)[:count]
            edited = source + alpha * Direction(source.space, self.step.data[:count])
            self.seen[alpha, count] = see_pictures(self.models, edited)
            self.on_step(Step(len(self.seen), 0, {"alpha": alpha}, stage="range"))
        return self.seen[alpha, count]


def style_length(models: Models, step: Direction) -> float:
    """The median over faces of the length of steps [N, C] in S, in standard deviations of the channels (r.m.s.).

    Raises UsageError for steps that move no channel.
    """
    deviation = style_deviation(models).to(step.data)
    shares = torch.where(deviation > MIN_STD, step.data / deviation, 0.0)
    length = shares.square().mean(dim=1).sqrt().median().item()
    if not 0 < length < math.inf:
        raise UsageError("this direction moves no picture, however large alpha is; pass another direction")
    return length


def _crossing(is_beyond: Callable[[float], bool], alpha: float) -> float:
    """The alpha from which on `is_beyond` holds, within a factor APART of `alpha`, by bisection in log alpha."""
    inner, outer = alpha, alpha
    factor = math.sqrt(APART)
    if is_beyond(alpha):
        while is_beyond(inner := inner / factor) and inner > alpha / APART * 1.01:
            outer = inner
    else:
        while not is_beyond(outer := outer * factor) and outer < alpha * APART / 1.01:
            inner = outer
    for _ in range(HALVINGS):
        middle = math.sqrt(inner * outer)
        if is_beyond(middle):
            outer = middle
        else:
            inner = middle
    return math.sqrt(inner * outer)


def _rounded(alpha: float) -> float:
    return float(f"{alpha:.{DIGITS}g}")
