"""The table of a held-out evaluation: a row for every editor and strength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from styleclip.evaluate.curves.bootstrap import Interval, mean_interval, ratio_interval
from styleclip.evaluate.held_out.measurements import EditMeasurement
from styleclip.evaluate.held_out.report import HeldOutReport

COLUMNS = {  # measure -> head and format
    "clean": ("clean", "z.2f"),
    "success": ("success", "z.2f"),
    "flips": ("flips", "z.2f"),
    "target_gain": ("target gain", "z.3f"),
    "directional_similarity": ("directional", "z.2f"),
    "l1_outside": ("outside L1", "z.1f"),
    "lpips_outside": ("outside LPIPS", "z.3f"),
    "identity": ("identity*", "z.2f"),
    "clip_kid": ("CLIP-KID", "z.2f"),
    "fid": ("FID", "z.1f"),
    "kid": ("KID", "z.4f"),
    "seconds": ("seconds", "z.2g"),
    "peak_mib": ("peak MiB", "z.0f"),
}
OF_SUCCESSES = ("identity",)  # measures that a lazy edit has for nothing
NOTE = "* of successful edits only: an edit that does nothing keeps everybody"
MIN_SHARE = 0.02  # of successes, below which nothing is said of them


@dataclass(frozen=True)
class MeasuredRow:
    """The means of an editor at a strength over all prompts, with their bootstrap intervals."""

    editor: str
    strength: float
    edits: int
    intervals: dict[str, Interval]

    def cells(self, names: Sequence[str], several: bool) -> list[str]:
        """The cells of a table, the strength where there are several."""
        values = [_cell(self.intervals[name], COLUMNS[name][1], name) for name in names]
        return [self.editor, *([f"{self.strength:g}"] if several else []), str(self.edits), *values]


def measured_rows(report: HeldOutReport) -> list[MeasuredRow]:
    """A row for every editor and strength, in their order."""
    rows = []
    for editor in report.editors:
        for strength in dict.fromkeys(each.strength for each in report.rows(editor=editor)):
            edits = report.rows(editor=editor, strength=strength)
            found = intervals(edits) | set_values(report, editor, strength)
            rows.append(MeasuredRow(editor, strength, len(edits), found))
    return rows


def intervals(edits: Sequence[EditMeasurement]) -> dict[str, Interval]:
    """The mean of every column over edits that have it; identity over those that succeeded."""
    found = {}
    for name in COLUMNS:
        known = [each for each in edits if name in each.measures]
        values, images = [each.measures[name] for each in known], [each.image for each in known]
        if name not in OF_SUCCESSES:
            found[name] = mean_interval(values, images) if known else Interval(math.nan)
            continue
        success = [each.measures["success"] for each in known]
        products = [value * done for value, done in zip(values, success, strict=True)]
        enough = known and sum(success) >= max(1, MIN_SHARE * len(known))
        found[name] = ratio_interval(products, success, images) if enough else Interval(math.nan)
    return found


def set_values(report: HeldOutReport, editor: str, strength: float) -> dict[str, Interval]:
    """The measures of all edits of an editor at a strength together, which have no interval."""
    known = {(each.editor, each.strength): each.measures for each in report.sets}.get((editor, strength), {})
    return {name: Interval(value) for name, value in known.items() if name in COLUMNS}


def report_table(report: HeldOutReport) -> str:
    """Markdown: the editors at strength 1, at all strengths where that is none of them; with the note on identity
    and what was left out.

    The strength stands in every row where several were measured.
    """
    rows = measured_rows(report)
    if 1 in report.strengths:
        rows = [row for row in rows if row.strength == 1]
    several = len({*report.strengths}) > 1 or any(row.strength not in report.strengths for row in rows)
    names = [name for name in COLUMNS if any(not math.isnan(row.intervals[name].mean) for row in rows)]
    head = ["editor", *(["strength"] if several else []), "edits", *(COLUMNS[name][0] for name in names)]
    lines = [head, ["---"] * len(head), *(row.cells(names, several) for row in rows)]
    table = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([*table, *([NOTE] if "identity" in names else []), *_left_out(report)])


def _left_out(report: HeldOutReport) -> list[str]:
    """A line on the attributes whose flips are not counted, and one for each photo and prompt that was left out."""
    names = report.judges.get("left_out", [])
    flips = [f"{report.judges['clip']['name']} cannot tell, so no flips of: {', '.join(names)}"] if names else []
    return [*flips, *(each.sentence for each in report.left_out)]


def _cell(interval: Interval, form: str, name: str) -> str:
    """`0.82 (0.75-0.88)`, without the interval for seconds and memory, a dash where nothing is known."""
    if math.isnan(interval.mean):
        return "-"
    mean = format(interval.mean, form)
    if math.isnan(interval.low) or interval.low == interval.high or name in ("seconds", "peak_mib"):
        return mean
    return f"{mean} ({interval.low:{form}} to {interval.high:{form}})"
