"""The first table of the page: every editor at its own strength, with the editors that bound it."""

from __future__ import annotations

import math

from styleclip.evaluate.curves.bootstrap import Interval
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import css_class, measured, measures, ordered_editors, own_strength
from styleclip.evaluate.page.html import Html, element
from styleclip.evaluate.page.numbers import duration, number, strength_text, with_interval
from styleclip.evaluate.page.tables import Row, swatch, table
from styleclip.evaluate.page.terms import SET_TERMS, TERMS, Term

EDITS = ("edits", "images that lacked a claim, by prompts that the editor knows")
LEFT_OUT = ("kept",)  # of the table: flips say the same


def summary_section(report: HeldOutReport) -> Html:
    """Means over all edits at the editors' own strength."""
    strength = own_strength(report)
    terms = [term for term in TERMS if term.name in measures(report) - set(LEFT_OUT)]
    set_terms = [term for term in SET_TERMS if any(term.name in each.measures for each in report.sets)]
    rows: list[Row] = []
    for editor in ordered_editors(report):
        edits = report.rows(editor=editor, strength=strength)
        cells: list[str | Html] = [str(len(edits))]
        cells += [_cell(measured(edits, term.name, term.of_successes), term) for term in terms]
        cells += [number(_of_set(report, editor, strength, term.name), term.form) for term in set_terms]
        name = css_class(report, editor)
        rows.append(Row(swatch(editor, name), cells, name))
    return element(
        "section",
        element("h2", "Editors"),
        element(
            "p",
            f"Means over all edits at strength {strength_text(strength)}, the editor\u2019s own result, with 95 % "
            "intervals over the images. The last rows bound every figure: a step towards a random face, and "
            "doing nothing.",
        ),
        table("editor", [EDITS, *((term.heading, term.meaning) for term in [*terms, *set_terms])], rows),
        *(element("p", each.sentence) for each in report.left_out),
        id="editors",
    )


def _cell(interval: Interval, term: Term) -> str | Html:
    """The mean with its interval; seconds and memory without one."""
    if term.name == "seconds":
        return duration(interval.mean)
    return number(interval.mean, term.form) if term.name == "peak_mib" else with_interval(interval, term.form)


def _of_set(report: HeldOutReport, editor: str, strength: float, name: str) -> float:
    """A measure of all edits of an editor at a strength together; NaN where there is none."""
    found = [each.measures for each in report.sets if (each.editor, each.strength) == (editor, strength)]
    return found[0].get(name, math.nan) if found else math.nan
