"""Bootstrap intervals of means over edits (Efron 1979, percentile method).

Images are resampled and not edits: edits of one image by several prompts, strengths and editors are alike, and stay
together in every resample. Intervals that are to be compared use the same resamples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESAMPLES, SEED = 1000, 0
LEVEL = 0.95  # of an interval
MIN_KNOWN = 0.5  # of the resamples in which a value has to be known


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval.

    Args:
        mean: of the edits themselves; NaN where there is none.
        low, high: the limits at LEVEL; NaN where fewer than two images are known.
    """

    mean: float
    low: float = math.nan
    high: float = math.nan

    def to_json(self) -> list[float | None]:
        """[mean, low, high], null in place of NaN."""
        return [value if math.isfinite(value) else None for value in (self.mean, self.low, self.high)]


def resample_counts(images: int, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """[1 + resamples, images]: how often each image is drawn; in row 0 every image once."""
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.multinomial(images, np.full(images, 1 / images), size=resamples)
    return np.concatenate([np.ones((1, images)), drawn])


def resampled_ratio(counts: Array, numerators: Array, denominators: Array) -> Array:
    """[1 + resamples, ...]: sum of numerators by sum of denominators [images, ...]; NaN where the latter is 0."""
    flat = (values.reshape(len(values), -1) for values in (numerators, denominators))
    over, under = (counts @ values for values in flat)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(under == 0, np.nan, over / under)
    return ratio.reshape(len(counts), *numerators.shape[1:])


def interval_of(resampled: Array, images: int) -> Interval:
    """The interval of [1 + resamples] values, whose first is that of the images themselves."""
    known = resampled[1:][np.isfinite(resampled[1:])]
    mean = float(resampled[0])
    if images < 2 or not math.isfinite(mean) or len(known) < MIN_KNOWN * (len(resampled) - 1):
        return Interval(mean)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean, float(low), float(high))


def mean_interval(values: Sequence[float], images: Sequence[Hashable], seed: int = SEED) -> Interval:
    """The mean of values in which every edit counts once, with the interval over the images that they belong to."""
    return ratio_interval(values, [1.0] * len(values), images, seed)


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], images: Sequence[Hashable], seed: int = SEED
) -> Interval:
    """The sum of numerators by the sum of denominators, such as identity over the edits that succeeded.

    Args:
        numerators, denominators: a value for every edit; those of a denominator of 0 do not count.
        images: the image of every edit.
        seed: of the resamples.
    """
    places = {image: place for place, image in enumerate(dict.fromkeys(images))}
    if not places:
        return Interval(math.nan)
    index = [places[image] for image in images]
    under = np.asarray(denominators, dtype=np.float64)
    over = np.where(under == 0, 0.0, np.asarray(numerators, dtype=np.float64))
    overs, unders = (np.bincount(index, part, len(places)).astype(np.float64) for part in (over, under))
    resampled = resampled_ratio(resample_counts(len(places), seed=seed), overs, unders)
    return interval_of(resampled, int(np.count_nonzero(unders)))


def trapezoid(values: Array, places: Array | None = None) -> Array:
    """[...]: the integral of [..., N] over N places, by the trapezoidal rule; places are 1 apart where not passed."""
    widths = np.ones(values.shape[-1] - 1) if places is None else np.diff(places)
    areas: Array = ((values[..., 1:] + values[..., :-1]) / 2 * widths).sum(axis=-1)
    return areas
