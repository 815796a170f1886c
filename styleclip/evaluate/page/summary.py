"""The first table of the page: every editor at its own strength, with the editors that bound it."""

from __future__ import annotations

from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import BOUNDS, css_class, measured, measures, ordered_editors, own_strength
from styleclip.evaluate.page.html import Html, element
from styleclip.evaluate.page.numbers import duration, number, strength_text, with_interval
from styleclip.evaluate.page.tables import Row, swatch, table
from styleclip.evaluate.page.terms import TERMS

LEFT_OUT = ("kept",)  # of the table: flips say the same


def summary_section(report: HeldOutReport) -> Html:
    """Means over all edits at the editors' own strength."""
    strength = own_strength(report)
    known = measures(report)
    terms = [term for term in TERMS if term.name in known and term.name not in LEFT_OUT]
    rows: list[Row] = []
    for editor in ordered_editors(report):
        edits = report.rows(editor=editor, strength=strength)
        cells: list[str | Html] = []
        for term in terms:
            interval = measured(edits, term.name, term.of_successes)
            if term.name == "seconds":
                cells.append(duration(interval.mean))
            elif term.name == "peak_mib":
                cells.append(number(interval.mean, term.form))
            else:
                cells.append(with_interval(interval, term.form))
        first = " first-bound" if editor in BOUNDS and not any("bound" in row.css_class for row in rows) else ""
        name = css_class(report, editor)
        rows.append(Row(swatch(editor, name), cells, f"{name}{first}" if editor in BOUNDS else name))
    return element(
        "section",
        element("h2", "Editors"),
        element(
            "p",
            f"Means over all edits at strength {strength_text(strength)}, the editor\u2019s own result, with 95 % "
            "intervals over the images. The last rows bound every figure: a step towards a random face, and "
            "doing nothing.",
        ),
        table("editor", [(term.heading, term.meaning) for term in terms], rows),
        id="editors",
    )
