"""Trade-off curves, the areas under them, and the editors at equal success."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from styleclip.evaluate.curves.trade_off import LEVELS, TradeOff, area_difference, trade_offs
from styleclip.evaluate.held_out.measurements import EditMeasurement
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.charts import Axes, Band, Curve, line_chart
from styleclip.evaluate.page.editors import BOUNDS, color, css_class, measures, ordered_editors, ringed_strengths
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import number, strength_text, with_interval
from styleclip.evaluate.page.scales import value_range
from styleclip.evaluate.page.tables import Row, interval_bar, swatch, table

UNFLIPPED = "unflipped"  # 1 for an edit without a flip, else 0
KEPT = {UNFLIPPED: "edits without a flip", "identity": "identity"}  # measure -> title of the axis
SUCCESS_LEVELS = (0.25, 0.5, 0.75, 0.9)  # of the comparison at equal success


def trade_off_section(report: HeldOutReport) -> Html | None:
    """The curves of every measure of what is kept; None where there are fewer than two strengths."""
    known = [name for name in KEPT if (name if name != UNFLIPPED else "flips") in measures(report)]
    if len(forward_strengths(report)) < 2 or not known:
        return None
    curves = {name: report_trade_offs(report, name) for name in known}
    charts = [_chart(report, curves[name], KEPT[name]) for name in known]
    return element(
        "section",
        element("h2", "Success against preservation"),
        element(
            "p",
            "Each editor at rising strength: to the right more edits succeed, upwards more stays as it was, so the "
            "upper right is better. A ring is strength 1. Bands are 95 % intervals of what is kept at a share of "
            "success.",
        ),
        element("div", *charts, class_="charts"),
        element("h3", "Editors at equal success"),
        element(
            "p",
            f"Share of {KEPT[known[0]]} where the same share of edits succeeds, and the strength that takes; a dash "
            "where no strength reaches it.",
        ),
        _equal_success(report, next(iter(curves.values()))),
        id="trade-off",
    )


def forward_strengths(report: HeldOutReport) -> list[float]:
    """The strengths from 0 on."""
    return [strength for strength in report.strengths if strength >= 0]


def report_trade_offs(report: HeldOutReport, kept: str) -> list[TradeOff]:
    """The curves of all editors, in the order of the page, along the strengths from 0 on."""
    edits = [with_unflipped(each) for each in report.measurements if each.strength >= 0]
    edits = [each for each in edits if {"success", kept} <= each.measures.keys()]
    found = {curve.editor: curve for curve in trade_offs(edits, kept=kept)}
    return [found[editor] for editor in ordered_editors(report) if editor in found]


def with_unflipped(edit: EditMeasurement) -> EditMeasurement:
    """The edit with UNFLIPPED among its measures, where flips were counted."""
    if "flips" not in edit.measures:
        return edit
    return replace(edit, measures={**edit.measures, UNFLIPPED: float(edit.measures["flips"] == 0)})


def lead_sentence(report: HeldOutReport) -> str | None:
    """Which editor has the largest area, and whether the next one differs; None where no curve can be drawn."""
    if len(forward_strengths(report)) < 2 or "flips" not in measures(report):
        return None
    curves = [curve for curve in report_trade_offs(report, UNFLIPPED) if curve.editor not in BOUNDS]
    first, *others = sorted(curves, key=lambda curve: -curve.area.mean)
    area = f"{first.editor} has an area of {number(first.area.mean)} under success against edits without a flip"
    if not others:
        return f"{area}."
    difference = area_difference(first, others[0])
    if not difference.low > 0:
        second = number(others[0].area.mean)
        return f"{area}; {others[0].editor}, the next, has {second}, which these images do not tell apart."
    limits = f"{number(difference.low)} to {number(difference.high)}"
    return f"{area}, {number(difference.mean)} ({limits}) more than {others[0].editor}, the next."


def _chart(report: HeldOutReport, curves: Sequence[TradeOff], title: str) -> Html:
    levels = np.linspace(0, 1, LEVELS).tolist()
    drawn = [
        Curve(
            curve.editor,
            [point.mean for point in curve.success],
            [point.mean for point in curve.kept],
            color(report, curve.editor),
            Band(levels, curve.envelope) if curve.editor not in BOUNDS else None,
            [f"{curve.editor} at strength {strength_text(strength)}" for strength in curve.strengths],
            ringed_strengths(report, curve.editor, curve.strengths),
        )
        for curve in curves
    ]
    heights = [y for curve in drawn for y in curve.y]
    low, high = value_range([*heights, 1.0])
    axes = Axes(title, "share of edits that succeed", title, (0, 1), (low, min(high, 1.02)), (0, 0.25, 0.5, 0.75, 1))
    areas = "; ".join(f"{curve.editor}: area {number(curve.area.mean)}" for curve in curves)
    return element("figure", line_chart(drawn, axes, f"{title} against success. {areas}"))


def _equal_success(report: HeldOutReport, curves: Sequence[TradeOff]) -> Html:
    levels = [level for level in SUCCESS_LEVELS if any(curve.reach >= level for curve in curves)]
    rows = []
    for curve in curves:
        name = css_class(report, curve.editor)
        cells: list[str | Html] = [with_interval(curve.area), interval_bar(curve.area)]
        for level in levels:
            kept, strength = curve.kept_at(level), curve.strength_at(level)
            note = element("small", f"at {number(strength)}") if math.isfinite(strength) else None
            cells.append(join(with_interval(kept), note))
        rows.append(Row(swatch(curve.editor, name), cells, name))
    headings = [
        ("area", "under the curve, from 0 to 1"),
        ("", ""),
        *((f"at {number(level)}", f"kept where {level:.0%} of the edits succeed") for level in levels),
    ]
    return table("editor", headings, rows)
