"""Bootstrap intervals over images."""

from __future__ import annotations

import math

import numpy as np
import pytest

from styleclip.evaluate.curves.bootstrap import mean_interval, ratio_interval, resample_counts, trapezoid


def test_the_interval_of_a_mean_is_near_that_of_students_t() -> None:
    from scipy import stats  # here, as it takes a second

    values = np.random.default_rng(5).normal(3.0, 2.0, size=200)
    found = mean_interval(values.tolist(), range(200))
    low, high = stats.t.interval(0.95, 199, loc=values.mean(), scale=stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(low, abs=0.05) and found.high == pytest.approx(high, abs=0.05)


def test_edits_of_one_image_stay_together() -> None:
    values = np.random.default_rng(6).normal(size=50)
    once = mean_interval(values.tolist(), range(50))
    thrice = mean_interval(np.repeat(values, 3).tolist(), np.repeat(np.arange(50), 3).tolist())
    assert (thrice.mean, thrice.low, thrice.high) == pytest.approx((once.mean, once.low, once.high))


def test_a_ratio_counts_only_what_has_a_denominator() -> None:
    found = ratio_interval([0.5, math.nan, 0.7, 0.9], [1, 0, 1, 1], ["a", "a", "b", "c"])
    assert found.mean == pytest.approx(0.7)
    assert 0.5 <= found.low < found.mean < found.high <= 0.9


def test_one_image_has_no_interval_and_none_has_no_mean() -> None:
    one = mean_interval([0.2, 0.4], ["a", "a"])
    assert one.to_json() == [pytest.approx(0.3), None, None]
    assert math.isnan(mean_interval([], []).mean)
    assert math.isnan(ratio_interval([0.3, 0.2], [0, 0], ["a", "b"]).mean)


def test_resamples_are_the_same_for_one_seed() -> None:
    counts = resample_counts(7, 20, seed=3)
    assert (counts == resample_counts(7, 20, seed=3)).all()
    assert (counts != resample_counts(7, 20, seed=4)).any()
    assert (counts.sum(axis=1) == 7).all() and (counts[0] == 1).all()


def test_the_trapezoidal_rule() -> None:
    assert trapezoid(np.array([0.0, 1.0, 1.0])) == 1.5
    assert trapezoid(np.array([0.0, 1.0, 1.0]), np.array([-1.0, 0.0, 3.0])) == 3.5
