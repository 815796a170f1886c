"""Trade-off curves over strength."""

from __future__ import annotations

import math

import numpy as np
import pytest

from styleclip.errors import UsageError
from styleclip.evaluate.curves.trade_off import LEVELS, TradeOff, area_difference, trade_offs, upper_envelope
from styleclip.evaluate.held_out.measurements import EditMeasurement

PROMPTS = ("a smiling face", "an old face")


def measurements(editor: str, points: dict[float, tuple[float, float]], images: int = 8) -> list[EditMeasurement]:
    """Edits whose shares of success are those of `points`: strength -> (success, kept); images differ a little."""
    return [
        EditMeasurement(
            editor,
            prompt,
            strength,
            f"seed {image}",
            {"success": float(image < success * images), "kept": kept - 0.01 * (image % 2)},
        )
        for strength, (success, kept) in points.items()
        for image in range(images)
        for prompt in PROMPTS
    ]


def curve(points: dict[float, tuple[float, float]]) -> TradeOff:
    return trade_offs(measurements("x", points))[0]


def test_doing_nothing_has_no_area_and_the_ideal_edit_all() -> None:
    nothing, ideal = curve({0: (0, 1), 1: (0, 1)}), curve({0: (0, 1.005), 1: (1, 1.005)})
    assert nothing.area.mean == pytest.approx(0.995 / (LEVELS - 1) / 2)  # of the level 0 alone
    assert ideal.area.mean == pytest.approx(1)
    assert math.isnan(nothing.kept_at(0.5).mean) and nothing.reach == 0


def test_between_strengths_the_curve_is_straight() -> None:
    found = curve({0: (0, 1.005), 1: (0.5, 0.905), 2: (1, 0.505)})
    assert found.kept_at(0.25).mean == pytest.approx(0.95)
    assert found.kept_at(0.75).mean == pytest.approx(0.7)
    assert found.area.mean == pytest.approx((1 + 0.9) / 2 / 2 + (0.9 + 0.5) / 2 / 2)
    assert found.strength_at(0.25) == pytest.approx(0.5)
    assert found.strength_at(0.75) == pytest.approx(1.5)
    assert math.isnan(curve({0: (0, 1), 1: (0.5, 0.9)}).strength_at(0.75))


def test_a_strength_beyond_the_best_does_not_lower_the_envelope() -> None:
    """Success falls again where an edit is too strong."""
    once, beyond = curve({0: (0, 1), 1: (0.75, 0.9)}), curve({0: (0, 1), 1: (0.75, 0.9), 2: (0.5, 0.2)})
    assert beyond.area.mean == pytest.approx(once.area.mean)
    assert beyond.reach == 0.75


def test_an_area_has_an_interval_over_images() -> None:
    found = curve({0: (0, 1), 1: (0.5, 0.9)})
    assert found.images == 8
    assert found.area.low < found.area.mean < found.area.high
    assert all(point.low <= point.mean <= point.high for point in found.success)


def test_a_difference_is_of_the_same_resamples() -> None:
    better, worse = trade_offs(
        measurements("better", {0: (0, 1), 1: (0.75, 0.9)}) + measurements("worse", {0: (0, 1), 1: (0.75, 0.8)})
    )
    difference = area_difference(better, worse)
    assert difference.low > 0
    assert difference.high - difference.low < better.area.high - better.area.low


def test_images_may_have_different_prompts_but_not_strengths() -> None:
    edits = measurements("x", {0: (0, 1), 1: (0.5, 0.9)})
    trade_offs([edit for edit in edits if (edit.image, edit.prompt) != ("seed 0", PROMPTS[0])])
    with pytest.raises(UsageError, match="at every strength"):
        trade_offs(edits[1:])


def test_the_envelope_of_many_lines_is_the_largest_value_at_or_beyond_each_level() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.random((20, 5)), generator.random((20, 5))
    envelope = upper_envelope(x, y)
    along = np.linspace(0, 4, 4001)
    for row in range(20):
        dense_x, dense_y = (np.interp(along, range(5), part[row]) for part in (x, y))
        for level in (0, 20, 50, 80):
            beyond = dense_y[dense_x >= level / (LEVELS - 1)]
            if len(beyond):
                assert envelope[row, level] == pytest.approx(beyond.max(), abs=2e-3)
            else:
                assert math.isnan(envelope[row, level])
