"""Trade-off curves, the areas under them, and the editors at equal success."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from styleclip.evaluate.curves.trade_off import LEVELS, TradeOff
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.charts import LARGE, SMALL, Axes, Band, Curve, Size, line_chart
from styleclip.evaluate.page.editors import BOUNDS, color, complete_editors, css_class, edit_count, ringed_strengths
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import number, strength_text, with_interval
from styleclip.evaluate.page.preservation import Kept, forward_strengths, kept_measures, report_trade_offs
from styleclip.evaluate.page.tables import Row, interval_bar, swatch, table

SUCCESS_LEVELS = (0.25, 0.5, 0.75, 0.9)  # of the comparison at equal success
SUCCESS_TICKS = (0, 0.25, 0.5, 0.75, 1)


def trade_off_section(report: HeldOutReport) -> Html | None:
    """The curves of every measure of what is kept; None where there are fewer than two strengths."""
    known = kept_measures(report)
    if len(forward_strengths(report)) < 2 or not known:
        return None
    curves = {kept: report_trade_offs(report, kept) for kept in known}
    size = SMALL if len(known) == 3 else LARGE
    charts = [_chart(report, curves[kept], kept, size) for kept in known]
    return element(
        "section",
        element("h2", "Success against preservation"),
        element(
            "p",
            "Each editor at rising strength: to the right more edits succeed, upwards more stays as it was, so the "
            "upper right is better. A ring is strength 1. Bands are 95 % intervals of what is kept at a share of "
            "success.",
        ),
        element("div", *charts, class_="charts small" if size is SMALL else "charts"),
        *_equal_success(report, known[0], curves[known[0]]),
        id="trade-off",
    )


def _chart(report: HeldOutReport, curves: Sequence[TradeOff], kept: Kept, size: Size) -> Html:
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
    axes = Axes("share of edits that succeed", kept.title, (0, 1), _range(drawn, kept), SUCCESS_TICKS, kept.negated)
    return element("figure", line_chart(drawn, axes, f"{kept.title} against the share of edits that succeed", size))


def _range(curves: Sequence[Curve], kept: Kept) -> tuple[float, float]:
    """From the lowest corner of an editor, so that one that draws another face may leave the plot, to the best."""
    named = [curve for curve in curves if curve.color is not None] or curves
    low = min((y for curve in named for y in curve.y if math.isfinite(y)), default=0.0)
    span = max((kept.best - low) * 1.08, kept.min_span)
    return kept.best - span, kept.best + span * 0.02


def _label(report: HeldOutReport, editor: str) -> Html:
    """The editor, and of one that does not know all prompts how many edits are compared."""
    label = swatch(editor, css_class(report, editor))
    if editor in complete_editors(report):
        return label
    return join(label, element("small", f"its own {edit_count(report, editor)} edits"))


def _equal_success(report: HeldOutReport, kept: Kept, curves: Sequence[TradeOff]) -> list[Html]:
    levels = [level for level in SUCCESS_LEVELS if any(curve.reach >= level for curve in curves)]
    rows = []
    for curve in curves:
        name = css_class(report, curve.editor)
        cells: list[str | Html] = [with_interval(curve.area), interval_bar(curve.area)] if kept.is_share else []
        for level in levels:
            mean, strength = curve.kept_at(level), curve.strength_at(level)
            note = element("small", f"at {number(strength)}") if math.isfinite(strength) else None
            cells.append(join(with_interval(mean), note))
        rows.append(Row(_label(report, curve.editor), cells, name))
    area = [("area", "under the curve, from 0 to 1"), ("", "")] if kept.is_share else []
    headings = [*area, *((f"at {number(level)}", f"where {level:.0%} of the edits succeed") for level in levels)]
    text = (
        f"{kept.title.capitalize()} where the same share of edits succeeds, with the interval and the strength that it "
        "takes; a dash where no strength reaches it."
    )
    return [element("h3", "Editors at equal success"), element("p", text), table("editor", headings, rows)]
