"""The page of a held-out evaluation: one file with tables, curves and pictures, without scripts or links to the net."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import BOUNDS, ordered_editors
from styleclip.evaluate.page.facts_section import facts_section
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import plural
from styleclip.evaluate.page.preservation import lead_sentence
from styleclip.evaluate.page.prompt_section import prompt_section
from styleclip.evaluate.page.sheet_section import sheet_section
from styleclip.evaluate.page.slider_section import slider_section
from styleclip.evaluate.page.summary import summary_section
from styleclip.evaluate.page.trade_off_section import trade_off_section
from styleclip.storage.files import atomic_write

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
SECTIONS = {
    "Editors": summary_section,
    "Success against preservation": trade_off_section,
    "Prompts and flips": prompt_section,
    "Along the slider": slider_section,
    "Pictures": sheet_section,
    "How it was measured": facts_section,
}


def write_page(report: HeldOutReport, path: Path) -> Path:
    """Write the page. Raises OutputError where the file cannot be written."""
    return atomic_write(path, report_page(report).encode())


def report_page(report: HeldOutReport) -> Html:
    """The HTML of a report."""
    drawn = {name: section for name, make in SECTIONS.items() if (section := make(report)) is not None}
    links = [element("a", name, href=f"#{_anchor(section)}") for name, section in drawn.items()]
    main = element("main", _header(report, links), *drawn.values())
    head = join(
        element("meta", charset="utf-8"),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", f"Held-out evaluation: {_title(report)}"),
        element("style", Html(files("styleclip.evaluate.page").joinpath("page.css").read_text())),
    )
    return Html("<!doctype html>\n" + element("html", element("head", head), element("body", main), lang="en"))


def _header(report: HeldOutReport, links: list[Html]) -> Html:
    lead = lead_sentence(report)
    return element(
        "header",
        element("p", "styleclip, held-out evaluation", class_="kind"),
        element("h1", _title(report)),
        element("p", lead, class_="lead") if lead else None,
        element("nav", *links, aria_label="sections"),
    )


def _title(report: HeldOutReport) -> str:
    editors = [name for name in ordered_editors(report) if name not in BOUNDS]
    named = editors[0] if len(editors) == 1 else f"{', '.join(editors[:-1])} and {editors[-1]}" if editors else "bounds"
    return f"{named} on {plural(len(report.images), 'image')} and {plural(len(report.prompts), 'prompt')}"


def _anchor(section: Html) -> str:
    return section.partition('id="')[2].partition('"')[0]
