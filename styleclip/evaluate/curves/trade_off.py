"""Trade-off curves: how much stays as it was at each share of success, along the strengths of an editor.

A curve joins the means of an editor at its strengths (InstructPix2Pix, figure 8). Between two strengths it is a
straight line, which choosing one of the two at random for each image would reach. Its envelope is the most that is
kept where the share of success is at least s. The area under the envelope, over s from 0 to 1, is 0 for an editor that
does nothing, which keeps all and reaches nothing, and 1 for one that reaches everything and keeps all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from styleclip.errors import UsageError
from styleclip.evaluate.curves.bootstrap import (
    SEED,
    Array,
    Interval,
    interval_of,
    resample_counts,
    resampled_ratio,
    trapezoid,
)
from styleclip.evaluate.held_out.measurements import EditMeasurement

LEVELS = 101  # shares of success from 0 to 1 at which the envelope is computed


@dataclass(frozen=True)
class TradeOff:
    """The curve of an editor.

    Args:
        editor: its label.
        strengths: in rising order.
        success, kept: the means at each strength.
        envelope: the most that is kept at LEVELS shares of success; NaN where they are not reached.
        area: under the envelope, where what is not reached counts as 0.
        images: number of images that the means are of.
        envelopes: [1 + resamples, LEVELS]: that of every resample of the images; equal rows of two editors have equal
            images.
    """

    editor: str
    strengths: tuple[float, ...]
    success: tuple[Interval, ...]
    kept: tuple[Interval, ...]
    envelope: tuple[Interval, ...]
    area: Interval
    images: int
    envelopes: Array = field(repr=False, compare=False)

    @property
    def reach(self) -> float:
        """The largest share of success."""
        return max(point.mean for point in self.success)

    def kept_at(self, success: float) -> Interval:
        """What is kept where the share of success is at least this one; NaN where no strength reaches it."""
        return self.envelope[round(success * (LEVELS - 1))]

    def strength_at(self, success: float) -> float:
        """The strength, between two measured ones, at which most is kept at this share of success; NaN for none."""
        x, y = (np.asarray([[point.mean for point in points]]) for points in (self.success, self.kept))
        best, strength = -np.inf, np.nan
        for i, share in _reached(x[0], success):
            kept = y[0, i] + share * (y[0, min(i + 1, len(y[0]) - 1)] - y[0, i])
            if kept > best:
                after = self.strengths[min(i + 1, len(self.strengths) - 1)]
                best, strength = kept, self.strengths[i] + share * (after - self.strengths[i])
        return float(strength)


def trade_offs(
    measurements: Sequence[EditMeasurement], success: str = "success", kept: str = "kept", seed: int = SEED
) -> list[TradeOff]:
    """The curve of every editor, over the same resamples of the images.

    Args:
        measurements: of every editor every image and prompt at all of its strengths.
        success: the measure of success, from 0 to 1.
        kept: the measure of what is kept, from 0 to 1.
        seed: of the resamples.

    Raises UsageError where an edit was not measured at all strengths of its editor.
    """
    places = {image: place for place, image in enumerate(dict.fromkeys(each.image for each in measurements))}
    counts = resample_counts(len(places), seed=seed) if places else np.ones((1, 0))
    by_editor: dict[str, list[EditMeasurement]] = {}
    for each in measurements:
        by_editor.setdefault(each.editor, []).append(each)
    curves = []
    for editor, rows in by_editor.items():
        strengths = sorted({row.strength for row in rows})
        edits = _edits(editor, rows, strengths, places)
        succeeded, unchanged = (_sums(rows, name, strengths, places) for name in (success, kept))
        curves.append(trade_off(editor, strengths, succeeded, unchanged, edits, counts))
    return curves


def trade_off(
    editor: str, strengths: Sequence[float], success: Array, kept: Array, edits: Array, counts: Array
) -> TradeOff:
    """The curve of one editor.

    Args:
        editor: its label.
        strengths: [S], in rising order.
        success, kept: [images, S], sums over the edits of each image.
        edits: [images], the number of edits of each image at one strength.
        counts: [1 + resamples, images], of `resample_counts`.
    """
    number = np.broadcast_to(edits[:, None], success.shape)
    x, y = (resampled_ratio(counts, part, number) for part in (success, kept))  # [1 + resamples, S]
    envelopes = upper_envelope(x, y)
    images = int(np.count_nonzero(edits))
    at_x, at_y, at_levels = (tuple(interval_of(column, images) for column in part.T) for part in (x, y, envelopes))
    area = interval_of(_area(envelopes), images)
    return TradeOff(editor, tuple(strengths), at_x, at_y, at_levels, area, images, envelopes)


def area_difference(one: TradeOff, other: TradeOff) -> Interval:
    """The area of one editor less that of another, over the same resamples of the same images."""
    return interval_of(_area(one.envelopes) - _area(other.envelopes), min(one.images, other.images))


def upper_envelope(x: Array, y: Array) -> Array:
    """[R, LEVELS]: the largest y of R polylines with corners [R, S] at which x is at least each level; NaN for none."""
    levels = np.linspace(0, 1, LEVELS)
    corners = np.where(x[:, :, None] >= levels - 1e-12, y[:, :, None], -np.inf)
    envelope = corners.max(axis=1)
    for i in range(x.shape[1] - 1):
        start, end = x[:, i, None], x[:, i + 1, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (levels - start) / (end - start)
        inside = (share >= 0) & (share <= 1)
        crossing = y[:, i, None] + np.where(inside, share, 0.0) * (y[:, i + 1] - y[:, i])[:, None]
        envelope = np.maximum(envelope, np.where(inside, crossing, -np.inf))
    return np.where(np.isfinite(envelope), envelope, np.nan)


def _area(envelopes: Array) -> Array:
    """[R]: by the trapezoidal rule; what is not reached counts as 0."""
    return trapezoid(np.nan_to_num(envelopes, nan=0.0)) / (LEVELS - 1)


def _reached(success: Array, level: float) -> list[tuple[int, float]]:
    """Places (corner, share of the way to the next one) of a polyline at which `success` [S] is or crosses a level."""
    places = [(i, 0.0) for i in range(len(success)) if success[i] >= level - 1e-12]
    for i in range(len(success) - 1):
        rise = success[i + 1] - success[i]
        if rise and 0 <= (share := (level - success[i]) / rise) <= 1:
            places.append((i, float(share)))
    return places


def _sums(rows: Sequence[EditMeasurement], name: str, strengths: Sequence[float], places: Mapping[str, int]) -> Array:
    """[images, S]: the sum of a measure over the edits of each image."""
    columns = {strength: column for column, strength in enumerate(strengths)}
    sums = np.zeros((len(places), len(strengths)))
    for row in rows:
        sums[places[row.image], columns[row.strength]] += row.measures[name]
    return sums


def _edits(
    editor: str, rows: Sequence[EditMeasurement], strengths: Sequence[float], places: Mapping[str, int]
) -> Array:
    """[images]: the number of prompts by which each image was edited."""
    edits = {(row.image, row.prompt, row.strength) for row in rows}
    pairs = {(image, prompt) for image, prompt, _ in edits}
    if len(edits) != len(rows) or len(rows) != len(pairs) * len(strengths):
        raise UsageError(f"{editor} was not measured once at every strength for every image; measure all of them")
    numbers = np.zeros(len(places))
    for image, _ in pairs:
        numbers[places[image]] += 1
    return numbers
