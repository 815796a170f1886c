"""The quality of every editor as a slider, and the scores along the strength by prompt."""

from __future__ import annotations

import math

from styleclip.evaluate.curves.slider_quality import SliderQuality, slider_quality, slider_runs
from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.page.charts import SMALL, Axes, Band, Curve, line_chart
from styleclip.evaluate.page.editors import BOUNDS, color, css_class, measured, ordered_editors, ringed_strengths
from styleclip.evaluate.page.html import Html, element
from styleclip.evaluate.page.numbers import number, strength_text, with_interval
from styleclip.evaluate.page.scales import value_range
from styleclip.evaluate.page.tables import Row, swatch, table

SCORE = "target_similarity"
MIN_STRENGTHS = 4  # of which a slider can be told even or uneven
COLUMNS = (  # field of SliderQuality, heading, format, meaning
    ("monotonicity", "monotone", ".2f", "Spearman's rank correlation of strength and score; 1 rises at every step"),
    ("evenness", "chi2/dof", ".2f", "of the scores in as many equal bins as strengths (SliderEdit); 0 is even"),
    ("score_jump", "largest step: score", ".1f", "of the score, by the mean step; 1 has equal steps"),
    ("picture_jump", "pixels", ".1f", "largest step of the pixels by the mean step, from strength to strength"),
    ("gain", "gain", ".3f", "of the score, from the source to the largest strength"),
    ("identity_area", "identity", ".2f", "mean over the range of strengths; read it beside the gain"),
)


def slider_section(report: HeldOutReport) -> Html | None:
    """None where there are fewer than MIN_STRENGTHS strengths, or strength 0 is not among them."""
    if len(report.strengths) < MIN_STRENGTHS:
        return None
    qualities = {
        editor: slider_quality(runs)
        for editor in ordered_editors(report)
        if editor not in BOUNDS and (runs := slider_runs(report.rows(editor=editor)))
    }
    if not qualities:
        return None
    strengths = f"{strength_text(min(report.strengths))} to {strength_text(max(report.strengths))}"
    return element(
        "section",
        element("h2", "Along the slider"),
        element(
            "p",
            f"How the similarity with the target text, by the held-out CLIP, follows the strength from {strengths}. "
            "Means over images and prompts, with 95 % intervals over the images.",
        ),
        quality_table(report, qualities),
        element("div", *(_chart(report, prompt.prompt) for prompt in report.prompts), class_="charts small"),
        id="sliders",
    )


def quality_table(report: HeldOutReport, qualities: dict[str, SliderQuality]) -> Html:
    """A row for each editor; the error at strength 0 stands in its last column."""
    shown = [each for each in COLUMNS if any(math.isfinite(getattr(q, each[0]).mean) for q in qualities.values())]
    rows = []
    for editor, quality in qualities.items():
        name = css_class(report, editor)
        cells: list[str | Html] = [with_interval(getattr(quality, field), form) for field, _, form, _ in shown]
        rows.append(Row(swatch(editor, name), [*cells, number(quality.zero_error, ".3g")], name))
    headings = [(heading, meaning) for _, heading, _, meaning in shown]
    zero = ("at 0", "largest difference between strength 0 and the source, in 1/255; 0 is the source itself")
    return table("editor", [*headings, zero], rows)


def _chart(report: HeldOutReport, prompt: str) -> Html:
    curves = []
    for editor in ordered_editors(report):
        points = [measured(report.rows(editor, prompt, strength), SCORE) for strength in report.strengths]
        curves.append(
            Curve(
                editor,
                report.strengths,
                [point.mean for point in points],
                color(report, editor),
                Band(report.strengths, points) if editor not in BOUNDS else None,
                [f"{editor} at strength {strength_text(strength)}" for strength in report.strengths],
                ringed_strengths(report, editor, report.strengths),
            )
        )
    heights = [y for curve in curves for y in curve.y]
    limits = [edge for curve in curves if curve.band for each in curve.band.intervals for edge in (each.low, each.high)]
    x_range = (min(report.strengths), max(report.strengths))
    axes = Axes("strength", "target similarity", x_range, value_range([*heights, *limits]))
    chart = line_chart(curves, axes, f"Target similarity by strength for {prompt}", SMALL)
    return element("figure", element("figcaption", f"\u201c{prompt}\u201d"), chart)
