"""What an edit keeps, in measures of which more is better, and the trade-off curves of a report."""

from __future__ import annotations

from dataclasses import dataclass, replace

from styleclip.evaluate.curves.trade_off import TradeOff, area_difference, trade_offs
from styleclip.evaluate.held_out.measurements import EditMeasurement
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import BOUNDS, complete_editors, measures, ordered_editors
from styleclip.evaluate.page.numbers import number


@dataclass(frozen=True)
class Kept:
    """A measure of what is kept.

    Args:
        measure: in the report.
        title: of its axis.
        min_span: of the axis.
        negated: the measure is a change: what is kept is its negative, at best 0; else it is at best 1.
        of_none: what is kept is 1 where the measure is 0, else 0.
    """

    measure: str
    title: str
    min_span: float
    negated: bool = False
    of_none: bool = False

    @property
    def best(self) -> float:
        return 0.0 if self.negated else 1.0

    @property
    def is_share(self) -> bool:
        """Whether an area under its curve lies between 0 and 1."""
        return not self.negated

    def value(self, edit: EditMeasurement) -> float:
        """What the edit kept."""
        measured = edit.measures[self.measure]
        if self.of_none:
            return float(measured == 0)
        return -measured if self.negated else measured


UNFLIPPED = Kept("flips", "edits without a flip", 0.2, of_none=True)
KEPT = (
    UNFLIPPED,
    Kept("identity", "identity", 0.1),
    Kept("l1_outside", "change outside, in 1/255", 1.0, negated=True),
    Kept("lpips_outside", "LPIPS outside", 0.02, negated=True),
)
KEPT_NAME, SUCCESS = "kept by an edit", "success"


def kept_measures(report: HeldOutReport) -> list[Kept]:
    """Those that the report has."""
    known = measures(report)
    return [kept for kept in KEPT if kept.measure in known]


def forward_strengths(report: HeldOutReport) -> list[float]:
    """The strengths from 0 on."""
    return [strength for strength in report.strengths if strength >= 0]


def report_trade_offs(report: HeldOutReport, kept: Kept) -> list[TradeOff]:
    """The curves of all editors, in the order of the page, along the strengths from 0 on."""
    edits = [
        replace(each, measures={SUCCESS: each.measures[SUCCESS], KEPT_NAME: kept.value(each)})
        for each in report.measurements
        if each.strength >= 0 and kept.measure in each.measures
    ]
    found = {curve.editor: curve for curve in trade_offs(edits, SUCCESS, KEPT_NAME)}
    return [found[editor] for editor in ordered_editors(report) if editor in found]


def lead_sentence(report: HeldOutReport) -> str | None:
    """Which editor of all prompts has the largest area, and whether the next one differs; None without curves."""
    if len(forward_strengths(report)) < 2 or UNFLIPPED not in kept_measures(report):
        return None
    compared = set(complete_editors(report)) - set(BOUNDS)
    curves = [curve for curve in report_trade_offs(report, UNFLIPPED) if curve.editor in compared]
    if not curves:
        return None
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
