"""The editors of a report in their order and colours, and intervals of their measures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from styleclip.evaluate.curves.bootstrap import Interval, ratio_interval
from styleclip.evaluate.held_out.measurements import NOTHING, RANDOM, EditMeasurement
from styleclip.evaluate.held_out.report import HeldOutReport

BOUNDS = (RANDOM, NOTHING)


def ordered_editors(report: HeldOutReport) -> list[str]:
    """As they were named, and those that bound every figure last."""
    named = [name for name in report.editors if name not in BOUNDS]
    return [*named, *(name for name in BOUNDS if name in report.editors)]


def color(report: HeldOutReport, editor: str) -> int | None:
    """The index of its colour; None for a bound."""
    return None if editor in BOUNDS else ordered_editors(report).index(editor)


def css_class(report: HeldOutReport, editor: str) -> str:
    """The class of its colour in page.css."""
    index = color(report, editor)
    return "bound" if index is None else f"c{index % 6}"


def complete_editors(report: HeldOutReport) -> list[str]:
    """Those that edited towards every prompt; one that knows its own text only has other edits than the rest."""
    prompts = {each.prompt for each in report.measurements}
    known: dict[str, set[str]] = {}
    for each in report.measurements:
        known.setdefault(each.editor, set()).add(each.prompt)
    return [editor for editor in ordered_editors(report) if known.get(editor) == prompts]


def edit_count(report: HeldOutReport, editor: str) -> int:
    """The number of edits of an editor at one strength."""
    return len(report.rows(editor=editor, strength=own_strength(report)))


def own_strength(report: HeldOutReport) -> float:
    """Strength 1, the result of the editor itself; the nearest one where 1 was not measured."""
    return min(report.strengths, key=lambda strength: abs(strength - 1))


def ringed_strengths(report: HeldOutReport, editor: str, strengths: Sequence[float]) -> list[int]:
    """Place of the own strength among some; none for a bound."""
    return [i for i, each in enumerate(strengths) if each == own_strength(report) and editor not in BOUNDS]


def measures(report: HeldOutReport) -> set[str]:
    """The names of the measures that some edit has."""
    return {name for each in report.measurements for name in each.measures}


def measured(rows: Sequence[EditMeasurement], name: str, of_successes: bool = False) -> Interval:
    """The mean of a measure with its interval over images; NaN where no edit has it.

    Of successes: only edits that succeeded count.
    """
    values = [row.measures.get(name, math.nan) for row in rows]
    counted = [not of_successes or row.measures.get("success", 0.0) > 0 for row in rows]
    weights = [float(math.isfinite(value) and count) for value, count in zip(values, counted, strict=True)]
    return ratio_interval(values, weights, [row.image for row in rows])
