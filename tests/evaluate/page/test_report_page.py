"""The page of a held-out report."""

from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from styleclip.evaluate.held_out.measurements import MeasuredPrompt, SetMeasurement
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import complete_editors, measured
from styleclip.evaluate.page.preservation import lead_sentence
from styleclip.evaluate.page.report_page import report_page, write_page
from tests.helpers.held_out_reports import PROMPTS, made_report

UNCLOSED = ("br", "img", "link", "meta")


class Outline(HTMLParser):
    """Checks that elements nest, and collects headings, attributes and cells."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.sections: list[str] = []
        self.headings: list[str] = []
        self.tags: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        values = dict(attrs)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "section":
            self.sections.append(values["id"] or "")
        if tag not in UNCLOSED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


def outline(report: HeldOutReport) -> Outline:
    found = Outline()
    found.feed(report_page(report))
    assert not found.open
    return found


@pytest.fixture(scope="module")
def report() -> HeldOutReport:
    return made_report(images=6, prompts=PROMPTS[:2], strengths=(-0.5, 0.0, 0.5, 1.0), pictures=1)


def test_the_page_has_every_section_and_needs_no_network(report: HeldOutReport, tmp_path: Path) -> None:
    path = write_page(report, tmp_path / "report.html")
    assert path.read_text().startswith("<!doctype html>")
    found = outline(report)
    assert found.sections == ["editors", "trade-off", "prompts", "sliders", "pictures", "method"]
    assert "optimize, global-dir and map on 6 images and 2 prompts" in found.headings
    assert found.tags["svg"] >= 4 and "script" not in found.tags and "link" not in found.tags
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in found.sources)
    assert found.tags["img"] == 2 * 4 * 4  # prompts, editors but the one that does nothing, strengths


def test_prompts_and_labels_are_escaped(report: HeldOutReport) -> None:
    bad = "<script>alert('x')</script>"
    renamed = replace(
        report,
        editors={**{name: {} for name in report.editors if name != "map"}, bad: {"text": bad}},
        prompts=[MeasuredPrompt(bad, ("a face",)), *report.prompts[1:]],
        measurements=[
            replace(
                each,
                editor=bad if each.editor == "map" else each.editor,
                prompt=bad if each.prompt == PROMPTS[0] else each.prompt,
                flipped=(bad,),
            )
            for each in report.measurements
        ],
        pictures=[],
        judges={bad: [bad, {bad: bad}]},
    )
    assert "script" not in outline(renamed).tags


def test_what_was_not_measured_is_left_out(report: HeldOutReport) -> None:
    """One strength has no curve, and without a recogniser or LPIPS there are no such columns."""
    edits = [
        replace(each, measures={"success": each.measures["success"], "flips": each.measures["flips"]})
        for each in report.rows(strength=1.0)
    ]
    found = outline(replace(report, strengths=[1.0], measurements=edits, pictures=[]))
    assert found.sections == ["editors", "prompts", "method"]
    page = report_page(replace(report, strengths=[1.0], measurements=edits, pictures=[]))
    assert "LPIPS" not in page and "identity | success" not in page


def test_measures_of_sets_have_columns(report: HeldOutReport) -> None:
    sets = [SetMeasurement("optimize", 1.0, {"clip_kid": 0.01234}), SetMeasurement("optimize", 0.5, {"clip_kid": 7.0})]
    page = report_page(replace(report, sets=sets, pictures=[]))
    assert "CLIP-KID</th>" in page and "<td>0.0123</td>" in page and "7.0000" not in page


def test_an_editor_that_knows_one_prompt_is_not_compared_with_the_rest(report: HeldOutReport) -> None:
    edits = [
        replace(each, measures={**each.measures, "success": 1.0, "flips": 0.0}) if each.editor == "map" else each
        for each in report.measurements
        if each.editor != "map" or each.prompt == PROMPTS[0]
    ]
    partial = replace(report, measurements=edits, pictures=[])
    assert complete_editors(partial) == ["optimize", "global-dir", "random", "nothing"]
    sentence = lead_sentence(partial)
    assert sentence is not None and sentence.startswith("optimize") and "map" not in sentence
    assert "its own 6 edits" in report_page(partial)


def test_identity_counts_over_successes_only(report: HeldOutReport) -> None:
    rows = report.rows(editor="optimize", strength=1.0)
    succeeded = [row.measures["identity"] for row in rows if row.measures["success"]]
    assert len(succeeded) > 0
    assert measured(rows, "identity", of_successes=True).mean == pytest.approx(sum(succeeded) / len(succeeded))
    nothing = report.rows(editor="nothing", strength=1.0)
    assert measured(nothing, "identity").mean == 1
    assert math.isnan(measured(nothing, "identity", of_successes=True).mean)
