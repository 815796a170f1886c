"""Scales, labels and charts of the page."""

from __future__ import annotations

import math
import re

import pytest

from styleclip.evaluate.curves.bootstrap import Interval
from styleclip.evaluate.page.charts import Axes, Band, Curve, line_chart
from styleclip.evaluate.page.numbers import number
from styleclip.evaluate.page.scales import Scale, spread, tick_format, ticks, value_range

AXES = Axes("strength", "score", (0, 1), (0, 1))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.5, 1.5, [-0.5, 0, 0.5, 1, 1.5]),
        (0.131, 0.302, [0.15, 0.2, 0.25, 0.3]),
        (0.94, 1.0, [0.94, 0.96, 0.98, 1.0]),
        (0, 4321, [0, 1000, 2000, 3000, 4000]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_all_ticks_of_an_axis_have_the_same_decimals() -> None:
    form = tick_format([0, 0.25, 0.5])
    assert [number(tick, form) for tick in (0, 0.25, 0.5)] == ["0.00", "0.25", "0.50"]
    assert number(-0.5, ".1f") == "\u22120.5" and number(-0.0001, ".2f") == "0.00" and number(math.nan) == "\u2013"


def test_labels_move_apart_within_the_plot() -> None:
    places = spread([50, 51, 52, 200, 199], 16, 30, 200)
    assert sorted(places) == pytest.approx([50, 66, 82, 184, 200])
    assert places[4] < places[3]
    assert spread([], 16, 0, 100) == []


def test_a_range_has_room_also_around_one_value() -> None:
    assert value_range([1.0, math.nan, 3.0], 0.1) == pytest.approx((0.8, 3.2))
    assert value_range([2.0]) == (1.5, 2.5)
    assert value_range([math.nan]) == (0.0, 1.0)


def test_points_lie_where_the_scale_says_and_the_rest_is_left_out() -> None:
    scale = Scale(0, 1, 46, 340)
    svg = line_chart([Curve("optimize", [0, 0.5, 1], [0, math.nan, 1], 0)], AXES, "a chart")
    dots = re.findall(r'<circle cx="([\d.]+)"', svg)
    assert [float(dot) for dot in dots] == pytest.approx([scale(0), scale(1)])


def test_a_band_leaves_a_gap_where_nothing_is_known() -> None:
    known, unknown = Interval(0.5, 0.4, 0.6), Interval(math.nan)
    band = Band([0, 0.2, 0.4, 0.6, 0.8, 1], [known, known, unknown, known, known, known])
    svg = line_chart([Curve("x", [0, 1], [0.5, 0.5], 1, band)], AXES, "a chart")
    assert svg.count('class="band c1"') == 2


def test_a_curve_ends_where_it_is_last_known_and_at_the_edge_where_it_is_cut_off() -> None:
    below = Curve("random", [0, 0.5, 1], [1, -5, math.nan])
    svg = line_chart([below], AXES, "a chart")
    assert "nan" not in svg
    assert re.search(r'<path d="M199.6 276.0L[^"]*" class="leader">', svg)  # at 0.5, on the lower axis


def test_long_labels_are_shortened_and_whole_in_the_tooltip() -> None:
    label = "a very long label of an editor & more"
    svg = line_chart([Curve(label, [0, 1], [0, 1], 7)], AXES, "a chart")
    assert "a very l\u2026&amp; more" in svg and "editor &amp; more</title>" in svg
    assert 'class="curve c1"' in svg  # the palette starts again
