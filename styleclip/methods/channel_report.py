"""A report on a style direction: the channels that move, and how many and how much of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from styleclip.label_fonts import drawable_label
from styleclip.latents import StyleLayout
from styleclip.methods.style_direction import StyleDirection

MAX_CHANNELS = 30  # shown, of what may be thousands


def channel_report(direction: StyleDirection, layout: StyleLayout) -> dict[str, Any]:
    """The texts, the threshold, the channels (the most relevant first), and their number and weight per layer."""
    channels = direction.channel_table(layout)
    weights = {
        entry.name: [abs(row["weight"]) for row in channels if row["layer"] == entry.name] for entry in layout.entries
    }
    return {
        "target": direction.prompt.target,
        "neutral": direction.prompt.recorded_neutral,
        "beta": direction.beta,
        "layers": [{"layer": name, "channels": len(own), "weight": sum(own)} for name, own in weights.items()],
        "channels": channels,
    }


def report_title(report: dict[str, Any]) -> str:
    """`a face -> a smiling face: 37 channels of relevance 0.112 to 0.241`."""
    neutral = report["neutral"] if isinstance(report["neutral"], str) else " / ".join(report["neutral"])
    count, largest = len(report["channels"]), abs(report["channels"][0]["relevance"])
    return f"{neutral} -> {report['target']}: {channel_count(count)} of relevance {report['beta']:.3f} to {largest:.3f}"


def channel_count(channels: int) -> str:
    return f"{channels} channel{'s' * (channels != 1)}"


def plot_channels(reports: Sequence[dict[str, Any]], path: Path) -> None:
    """A PNG with a row per direction: the weights of the first channels, channels per layer, weight per layer."""
    from matplotlib.figure import Figure

    height = max(2.0 + 0.2 * max(min(len(r["channels"]), MAX_CHANNELS), len(r["layers"])) for r in reports)
    figure = Figure(figsize=(11, height * len(reports)), layout="constrained")
    rows = figure.subfigures(len(reports), 1, squeeze=False)[:, 0]
    for row, report in zip(rows, reports, strict=True):
        title = drawable_label(report_title(report))
        row.suptitle(title.text, **title.plot_style())
        _draw_bars(row.subplots(1, 3, width_ratios=(3, 2, 2)), report)
    figure.savefig(path, format="png", dpi=100)


def _draw_bars(axes: Any, report: dict[str, Any]) -> None:
    channels, layers = report["channels"][:MAX_CHANNELS], report["layers"]
    names = [f"{row['layer']}[{row['index']}]" for row in channels]
    colors = ["tab:blue" if row["weight"] > 0 else "tab:orange" for row in channels]
    axes[0].barh(names, [row["weight"] for row in channels], color=colors)
    axes[0].axvline(0, color="black", linewidth=1)
    axes[0].set_title("weight" if len(channels) == len(report["channels"]) else f"weight, first {MAX_CHANNELS}")
    for axis, value, title in ((axes[1], "channels", "channels per layer"), (axes[2], "weight", "sum of |weight|")):
        axis.barh([row["layer"] for row in layers], [row[value] for row in layers], color="tab:gray")
        axis.set_title(title)
    for axis in axes:
        axis.invert_yaxis()
