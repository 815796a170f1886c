"""Success and what is kept by prompt, and the attributes that flip."""

from __future__ import annotations

from collections import Counter

from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import BOUNDS, measured, ordered_editors, own_strength
from styleclip.evaluate.page.html import Html, element
from styleclip.evaluate.page.numbers import plural, strength_text
from styleclip.evaluate.page.tables import Row, shaded, table

MOST_ATTRIBUTES = 12  # rows of the table of flips
FULL_SHADE = 0.5  # the share of edits with a flip that has the darkest shade


def prompt_section(report: HeldOutReport) -> Html:
    """Two tables with shaded cells: success by prompt and editor, and flips by attribute and editor."""
    strength = own_strength(report)
    return element(
        "section",
        element("h2", "Prompts and flips"),
        element("p", f"At strength {strength_text(strength)}."),
        element(
            "div",
            element("div", element("h3", "Share of edits that succeed"), _success(report, strength)),
            element("div", element("h3", "Share of edits in which an attribute flips"), _flips(report, strength)),
            class_="beside",
        ),
        id="prompts",
    )


def _success(report: HeldOutReport, strength: float) -> Html:
    editors = ordered_editors(report)
    rows = []
    for prompt in report.prompts:
        cells: list[str | Html] = [element("td", str(len(prompt.images)), class_="plain")]
        for editor in editors:
            edits = report.rows(editor=editor, prompt=prompt.prompt, strength=strength)
            cells.append(shaded(measured(edits, "success").mean))
        rows.append(Row(prompt.prompt, cells))
    headings = [("images", "that lacked a claim of the prompt"), *((editor, "") for editor in editors)]
    return table("prompt", headings, rows, "heat")


def _flips(report: HeldOutReport, strength: float) -> Html:
    editors = ordered_editors(report)
    counts = {editor: Counter[str]() for editor in editors}
    edits = dict.fromkeys(editors, 0)
    for each in report.rows(strength=strength):
        counts[each.editor].update({flip.partition(":")[0] for flip in each.flipped})
        edits[each.editor] += 1
    by_editors = sum((counts[editor] for editor in editors if editor not in BOUNDS), Counter[str]())
    together = sum(counts.values(), Counter[str]())
    names = sorted(together, key=lambda name: (-by_editors[name], -together[name], name))[:MOST_ATTRIBUTES]
    if not names:
        return element("p", "No attribute flipped.")
    rows = [
        Row(
            name.replace("_", " "),
            [
                shaded(counts[editor][name] / max(edits[editor], 1), whole=FULL_SHADE, css_class="bad")
                for editor in editors
            ],
        )
        for name in names
    ]
    left = len(together) - len(names)
    note = element("p", f"{plural(left, 'attribute')} more flipped less often.", class_="note") if left else ""
    return Html(table("attribute", [(editor, "") for editor in editors], rows, "heat") + note)
