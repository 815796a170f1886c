"""What measured, how, and what the columns mean: every judge, detector and crop by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.editors import measures
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import strength_text
from styleclip.evaluate.page.terms import CURVE_TERMS, SET_TERMS, TERMS

MOST_ITEMS = 24  # of a list that is shown in full


def facts_section(report: HeldOutReport) -> Html:
    """Judges, protocol, editors and provenance as lists, and the terms of the tables."""
    known = measures(report)
    parts = {
        "Judges": report.judges,
        "Protocol": {"images": report.images, "strengths": report.strengths, **report.protocol},
        "Editors": {name: settings for name, settings in report.editors.items() if settings},
        "Provenance": report.provenance,
    }
    known |= {name for each in report.sets for name in each.measures}
    meanings = [(each.heading, each.meaning) for each in (*TERMS, *SET_TERMS) if each.name in known]
    return element(
        "section",
        element("h2", "How it was measured"),
        element("h3", "Columns"),
        element("dl", *_pairs([*meanings, *CURVE_TERMS]), class_="facts terms"),
        *(
            join(element("h3", title), element("dl", *_pairs(flat(facts)), class_="facts"))
            for title, facts in parts.items()
            if facts
        ),
        id="method",
    )


def flat(facts: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested mappings as (path of names, value)."""
    pairs: list[tuple[str, str]] = []
    for name, value in facts.items():
        path = f"{before} \u203a {name}" if before else str(name)
        if isinstance(value, Mapping) and value:
            pairs += flat(value, path)
        else:
            pairs.append((path.replace("_", " "), _text(value)))
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        shown = [_text(each) for each in value[:MOST_ITEMS]]
        more = [f"and {len(value) - MOST_ITEMS} more"] if len(value) > MOST_ITEMS else []
        return ", ".join([*shown, *more])
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return strength_text(value) if isinstance(value, float) else str(value)


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[Html]:
    return [join(element("dt", name), element("dd", value)) for name, value in pairs]
