"""The quality of a slider."""

from __future__ import annotations

import math

import numpy as np
import pytest

from styleclip.evaluate.curves.slider_quality import (
    SliderRun,
    area_by_range,
    evenness,
    largest_by_mean,
    monotonicity,
    slider_quality,
    slider_runs,
)
from tests.helpers.held_out_reports import made_report

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def run(image: str, scores: list[float], zero_error: float = 0.0) -> SliderRun:
    return SliderRun(image, STRENGTHS, scores, [0.8, 0.9, 1.0, 0.9, 0.8], [1.0, 1.0, 1.0, 1.0], zero_error, 0.0)


def test_equal_steps_are_even_and_two_ends_are_not() -> None:
    assert evenness([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == 0
    assert evenness([0, 0, 0, 1, 1, 1]) == (6**2 / 2 - 6) / 5
    assert math.isnan(evenness([0.2, 0.2, 0.2]))


def test_evenness_is_the_chi_square_of_scipy() -> None:
    from scipy import stats  # here, as it takes a second

    for seed in range(20):
        scores = np.random.default_rng(seed).normal(size=6)
        observed, _ = np.histogram(scores, bins=6)
        assert evenness(scores.tolist()) == pytest.approx(stats.chisquare(observed).statistic / 5)


def test_steps_of_the_published_example_can_be_had() -> None:
    """The notebook of SliderEdit reports 0.8 and 0.4 for six images: one bin in three double, and one in two."""
    assert evenness([0, 0.1, 0.4, 0.45, 0.7, 1]) == pytest.approx(0.8)
    assert evenness([0, 0.1, 0.4, 0.55, 0.7, 1]) == pytest.approx(0.4)


def test_monotonicity_is_by_ranks() -> None:
    assert monotonicity(STRENGTHS, [0, 0.01, 0.02, 0.5, 9]) == pytest.approx(1)
    assert monotonicity(STRENGTHS, [5, 4, 3, 2, 1]) == pytest.approx(-1)
    assert monotonicity(STRENGTHS, [0.3] * 5) == 0


def test_the_largest_step_by_the_mean_one() -> None:
    assert largest_by_mean(np.array([0.1, 0.1, -0.1])) == pytest.approx(1)
    assert largest_by_mean(np.array([0.0, 0.0, 0.9])) == pytest.approx(3)
    assert math.isnan(largest_by_mean(np.zeros(3)))


def test_an_area_is_a_mean_over_unequal_strengths() -> None:
    assert area_by_range((0, 1, 3), (1, 1, 0)) == pytest.approx(2 / 3)


def test_the_quality_of_some_images() -> None:
    from scipy import stats

    quality = slider_quality([run("a", [0, 0.25, 0.5, 0.75, 1]), run("b", [0, 0.5, 0.5, 0.5, 1], zero_error=2)])
    assert quality.monotonicity.mean == pytest.approx((1 + stats.spearmanr(STRENGTHS, [0, 1, 1, 1, 2]).statistic) / 2)
    assert quality.evenness.mean == pytest.approx((0 + 6 / 4) / 2)
    assert quality.gain.mean == pytest.approx(0.5)
    assert quality.identity_area.mean == pytest.approx(0.9)
    assert quality.zero_error == 2 and quality.return_error == 0


def test_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        slider_quality([])


def test_runs_of_a_report_are_those_with_every_strength() -> None:
    report = made_report(images=3, prompts=["a smiling face"], strengths=(-1.0, 0.0, 1.0), pictures=0)
    rows = report.rows(editor="optimize")
    runs = slider_runs(rows[:-1])  # the last image lacks a strength
    assert [each.image for each in runs] == ["seed 0", "seed 1"]
    assert runs[0].strengths == [-1.0, 0.0, 1.0] and runs[0].zero_error == 0
    assert runs[0].distances == [row.measures["l1_step"] for row in rows if row.image == "seed 0"][1:]
    assert slider_runs([row for row in rows if row.strength]) == []
