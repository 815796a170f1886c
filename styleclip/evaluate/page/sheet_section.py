"""Sheets: an image by editors and strengths, with what was measured of each edit."""

from __future__ import annotations

from styleclip.evaluate.held_out.measurements import NOTHING, EditMeasurement, EditPictures
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import css_class, ordered_editors
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import plural, strength_text
from styleclip.evaluate.page.pictures import Cell, SheetRow, sheet
from styleclip.evaluate.page.tables import swatch


def sheet_section(report: HeldOutReport) -> Html | None:
    """The pictures of every prompt; None where the report has none."""
    drawn = {each.prompt for each in report.pictures}
    shown = [prompt.prompt for prompt in report.prompts if prompt.prompt in drawn]
    if not shown:
        return None
    return element(
        "section",
        element("h2", "Pictures"),
        element(
            "p",
            "By strength, from the source on the left. A filled dot is a success by the held-out CLIP; behind it "
            "stands how many attributes flipped.",
        ),
        *(_prompt(report, prompt) for prompt in shown),
        id="pictures",
    )


def _prompt(report: HeldOutReport, prompt: str) -> Html:
    by_image: dict[str, list[EditPictures]] = {}
    for each in report.pictures:
        if each.prompt == prompt and each.editor != NOTHING:
            by_image.setdefault(each.image, []).append(each)
    sheets = [_image(report, name, pictures) for name, pictures in by_image.items()]
    return join(element("h3", f"\u201c{prompt}\u201d"), element("div", *sheets, class_="images"))


def _image(report: HeldOutReport, name: str, pictures: list[EditPictures]) -> Html:
    order = ordered_editors(report)
    strengths = [strength for strength in report.strengths if strength != 0]
    edits = {(row.editor, row.strength): row for row in report.rows(prompt=pictures[0].prompt) if row.image == name}
    rows = []
    for each in sorted(pictures, key=lambda each: order.index(each.editor)):
        after = dict(zip(report.strengths, each.after, strict=True))
        cells = [Cell(each.before, name), *(Cell(after[s], *_verdict(edits.get((each.editor, s)))) for s in strengths)]
        rows.append(SheetRow(swatch(each.editor, css_class(report, each.editor)), cells))
    return element("div", sheet(["source", *map(strength_text, strengths)], rows))


def _verdict(edit: EditMeasurement | None) -> tuple[str | Html, str]:
    """The caption and the mark of an edit."""
    if edit is None or "success" not in edit.measures:
        return "", ""
    succeeded, flips = edit.measures["success"] > 0, round(edit.measures.get("flips", 0))
    caption = join(element("i"), plural(flips, "flip") if flips else None)
    return element("span", caption, title="success" if succeeded else "no success"), "yes" if succeeded else "no"
