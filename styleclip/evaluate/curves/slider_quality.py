"""The quality of a slider over its strengths: is it monotone, evenly spaced, without jumps, and exact at zero?

Evenness is that of SliderEdit (chi-square of the scores against uniformly filled bins, by degrees of freedom).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from styleclip.evaluate.curves.bootstrap import Array, Interval, mean_interval, trapezoid
from styleclip.evaluate.held_out.measurements import EditMeasurement

FLAT = 1e-9  # scores that differ by less show no movement


@dataclass(frozen=True)
class SliderRun:
    """One image at every strength of a slider.

    Args:
        image: its name.
        strengths: [S], in rising order.
        scores: [S], similarity of each picture with the target.
        identities: [S], cosine of the recogniser's features with those of the source.
        distances: [S - 1], between the pictures of neighbouring strengths; empty where they were not measured.
        zero_error: difference of the picture at strength 0 from the source, in 1/255; NaN where it was not measured.
        return_error: the same after the largest strength and back by the same step.
        refound_error: the same after the largest strength and back by the step that the slider finds for the edited
            picture.
    """

    image: str
    strengths: Sequence[float]
    scores: Sequence[float]
    identities: Sequence[float]
    distances: Sequence[float] = ()
    zero_error: float = math.nan
    return_error: float = math.nan
    refound_error: float = math.nan


@dataclass(frozen=True)
class SliderQuality:
    """Means over the images.

    Args:
        monotonicity: Spearman's rank correlation of strength and score; 1 rises at every step.
        evenness: chi2/dof of the scores; 0 has one score in each of as many bins as strengths.
        score_jump: largest step of the score by the mean step; 1 has equal steps.
        picture_jump: the same of the distances between neighbouring pictures.
        identity_area: mean identity over the range of strengths.
        gain: rise of the score from the source to the largest strength.
        zero_error, return_error, refound_error: the largest of all images, in 1/255; NaN where they were not measured.
    """

    monotonicity: Interval
    evenness: Interval
    score_jump: Interval
    picture_jump: Interval
    identity_area: Interval
    gain: Interval
    zero_error: float
    return_error: float
    refound_error: float


def slider_quality(runs: Sequence[SliderRun]) -> SliderQuality:
    """The quality of a slider on some images. Raises ValueError for none."""
    if not runs:
        raise ValueError("no image; pass a run for every image")
    images = [run.image for run in runs]

    def mean(values: Sequence[float]) -> Interval:
        known = [(value, image) for value, image in zip(values, images, strict=True) if math.isfinite(value)]
        return mean_interval([value for value, _ in known], [image for _, image in known])

    return SliderQuality(
        mean([monotonicity(run.strengths, run.scores) for run in runs]),
        mean([evenness(run.scores) for run in runs]),
        mean([largest_by_mean(np.diff(run.scores)) for run in runs]),
        mean([largest_by_mean(np.asarray(run.distances)) for run in runs]),
        mean([area_by_range(run.strengths, run.identities) for run in runs]),
        mean([run.scores[-1] - score_at_zero(run.strengths, run.scores) for run in runs]),
        _largest([run.zero_error for run in runs]),
        _largest([run.return_error for run in runs]),
        _largest([run.refound_error for run in runs]),
    )


def slider_runs(measurements: Sequence[EditMeasurement], score: str = "target_similarity") -> list[SliderRun]:
    """A run for every image and prompt of one editor that has the score at all of its strengths, 0 among them.

    Distances between neighbouring strengths are the measure `l1_step`, and the error at strength 0 is `l1`.
    """
    by_edit: dict[tuple[str, str], dict[float, Mapping[str, float]]] = {}
    for each in measurements:
        by_edit.setdefault((each.image, each.prompt), {})[each.strength] = each.measures
    every = sorted({each.strength for each in measurements})
    return [
        SliderRun(
            image,
            every,
            [found[strength][score] for strength in every],
            [found[strength].get("identity", math.nan) for strength in every],
            [found[strength].get("l1_step", math.nan) for strength in every[1:]],
            zero_error=found[0.0].get("l1", math.nan),
        )
        for (image, _), found in by_edit.items()
        if 0 in every and all(score in found.get(strength, {}) for strength in every)
    ]


def monotonicity(strengths: Sequence[float], scores: Sequence[float]) -> float:
    """Spearman's rank correlation; 0 where the score does not move."""
    if np.ptp(scores) < FLAT:
        return 0.0
    from scipy import stats  # here, as it takes a second

    return float(stats.spearmanr(strengths, scores).statistic)


def evenness(scores: Sequence[float]) -> float:
    """chi2/dof of N scores, scaled to [0, 1], in N equal bins with one expected in each; NaN where none moves.

    N scores at equal distances give 0. All at the two ends, half of them at each, give (N^2/2 - N) / (N - 1).
    """
    values = np.asarray(scores, dtype=np.float64)
    if np.ptp(values) < FLAT:
        return math.nan
    number = len(values)
    observed = np.bincount(bins(values), minlength=number)
    return float(np.square(observed - 1.0).sum() / (number - 1))


def bins(values: Array) -> NDArray[np.int64]:
    """[N]: the bin of each value among N equal ones from the smallest to the largest, which is in the last."""
    number = len(values)
    unit = (values - values.min()) / np.ptp(values)
    return np.minimum((unit * number + 1e-9).astype(np.int64), number - 1)


def largest_by_mean(steps: Array) -> float:
    """The largest absolute step by the mean one; NaN where there is none."""
    sizes = np.abs(steps)
    return float(sizes.max() / sizes.mean()) if sizes.size and sizes.mean() > FLAT else math.nan


def area_by_range(strengths: Sequence[float], values: Sequence[float]) -> float:
    """The mean of the values over the range of strengths, by the trapezoidal rule."""
    area = trapezoid(np.asarray(values, dtype=np.float64), np.asarray(strengths, dtype=np.float64))
    return float(area) / (strengths[-1] - strengths[0])


def score_at_zero(strengths: Sequence[float], scores: Sequence[float]) -> float:
    """The score of the source."""
    return float(np.interp(0.0, strengths, scores))


def _largest(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return max(known, default=math.nan)
