"""`global-dir --explain`: the channels of every direction as a table, channels.png and channels.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from styleclip.cli.face_job import FaceJob
from styleclip.cli.output.tables import table
from styleclip.methods.channel_report import MAX_CHANNELS, channel_report, plot_channels, report_title
from styleclip.methods.style_direction import StyleDirection
from styleclip.storage.files import atomic_path, atomic_write, to_json
from styleclip.sweep_sheets import SweepSummary


def write_explanation(face: FaceJob, summaries: Sequence[SweepSummary]) -> list[str]:
    """Write the files, add the reports to the record, and return the lines of the tables."""
    every = [direction for summary in summaries for direction in summary.point.directions]
    directions = [direction for direction in every if isinstance(direction, StyleDirection)]
    distinct = {(each.prompt, each.beta): each for each in directions}.values()  # whatever its strength
    reports = [channel_report(each, face.editor.models.generator.layout) for each in distinct]
    with atomic_path(face.folder / "channels.png") as temporary:
        plot_channels(reports, temporary)
    face.paths.append(face.folder / "channels.png")
    face.paths.append(atomic_write(face.folder / "channels.json", to_json(reports).encode()))
    face.extra["explanation"] = reports
    return [line for report in reports for line in _table(report)]


def _table(report: dict[str, Any]) -> list[str]:
    """The first channels, and all layers that move."""
    channels = [
        [row["layer"], row["index"], f"{row['weight']:+.3f}", f"{row['relevance']:+.3f}"] for row in report["channels"]
    ]
    layers = [[row["layer"], row["channels"], f"{row['weight']:.2f}"] for row in report["layers"] if row["channels"]]
    rest = len(channels) - MAX_CHANNELS
    return [
        report_title(report),
        *table([["layer", "index", "weight", "relevance"], *channels[:MAX_CHANNELS]], numbers=(1, 2, 3)),
        *([f"and {rest} more in channels.json"] if rest > 0 else []),
        "",
        *table([["layer", "channels", "sum of |weight|"], *layers], numbers=(1, 2)),
        "",
    ]
