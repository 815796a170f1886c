"""The tables of reports in Markdown files (scripts/figures/evaluations.py)."""

from __future__ import annotations

from scripts.figures.evaluations import FILES, with_tables
from styleclip.evaluate.demo_world.measures import COLUMNS
from styleclip.evaluate.demo_world.report import Report
from styleclip.evaluate.demo_world.scores import PromptScore
from tests.helpers.support import ROOT

PAGE = "before\n<!-- evaluation: {} -->\nold\n<!-- end -->\nafter\n"


def report(clean: float, prompt: str = "an old face") -> Report:
    columns = (dict.fromkeys(COLUMNS, [value]) for value in (clean, 1.0))
    return Report("optimize", {}, "given", [0], {}, [PromptScore(prompt, {"age": "old"}, [0], *columns)])


def test_one_report() -> None:
    one = report(0.0)
    written = with_tables(PAGE.format("set/one"), {"set/one": one})
    assert written == f"before\n<!-- evaluation: set/one -->\n\n{one.table()}\n\n<!-- end -->\nafter\n"
    assert with_tables(written, {"set/one": one}) == written


def test_several_reports() -> None:
    reports = {"set/one": report(0.0), "set/two": report(1.0)}
    rows = with_tables(PAGE.format("set/one set/two"), reports).splitlines()
    assert [row.split(" | ")[:3] for row in rows if row.startswith("| ") and "---" not in row] == [
        ["| editor", "faces", "clean"],
        ["| `one`", "1", "0.00"],
        ["| `two`", "1", "1.00"],
        ["| oracle", "1", "1.00"],
        ["| clean, by prompt", "faces", "`one`"],
        ["| an old face", "1", "0.00"],
    ]
    assert rows[-4].endswith("| 0.00 | 1.00 | 1.00 |")
    other = {"set/one": report(0.0), "set/two": report(1.0, "a young face")}
    assert "by prompt" not in with_tables(PAGE.format("set/one set/two"), other)


def test_tables_without_a_report_stay() -> None:
    page = PAGE.format("set/one set/two")
    assert with_tables(page, {"set/one": report(0.0)}) == page


def test_the_pages_have_marks() -> None:
    for file in FILES:
        text = (ROOT / file).read_text("utf-8")
        assert text.count("<!-- evaluation: ") == text.count("<!-- end -->") >= 1
