"""What a direction is made of: the style channels that move, as a table and as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styleclip.cli.output.tables import table as text_table

if TYPE_CHECKING:
    from styleclip.latents import StyleLayout
    from styleclip.methods.style_direction import StyleDirection

SHOWN = 30  # channels, of what may be thousands


def explanation(edit: StyleDirection, layout: StyleLayout) -> dict[str, Any]:
    """The channels of an edit, the most relevant first, and how many of them and how much weight every layer has."""
    rows = edit.channel_table(layout)
    weights = {
        entry.name: [abs(row["weight"]) for row in rows if row["layer"] == entry.name] for entry in layout.entries
    }
    return {
        "target": edit.prompt.target,
        "neutral": edit.prompt.neutral,
        "beta": edit.beta,
        "layers": [{"layer": name, "channels": len(own), "weight": sum(own)} for name, own in weights.items()],
        "channels": rows,
    }


def heading(told: dict[str, Any]) -> str:
    neutral = told["neutral"] if isinstance(told["neutral"], str) else " / ".join(told["neutral"])
    count, largest = len(told["channels"]), abs(told["channels"][0]["relevance"])
    return f"{neutral} -> {told['target']}: {counted(count)} of relevance {told['beta']:.3f} to {largest:.3f}"


def counted(channels: int) -> str:
    return f"{channels} channel{'s' * (channels != 1)}"


def table(told: dict[str, Any]) -> str:
    """The first channels and all layers that move, in columns."""
    channels = [
        [row["layer"], row["index"], f"{row['weight']:+.3f}", f"{row['relevance']:+.3f}"] for row in told["channels"]
    ]
    layers = [[row["layer"], row["channels"], f"{row['weight']:.2f}"] for row in told["layers"] if row["channels"]]
    rest = len(channels) - SHOWN
    return "\n".join(
        [
            heading(told),
            *text_table([["layer", "index", "weight", "relevance"], *channels[:SHOWN]], numbers=(1, 2, 3)),
            *([f"and {rest} more in channels.json"] if rest > 0 else []),
            "",
            *text_table([["layer", "channels", "sum of |weight|"], *layers], numbers=(1, 2)),
            "",
        ]
    )


def plot(explanations: Sequence[dict[str, Any]], path: Path) -> None:
    """A PNG with a row per direction: the weights of the first channels, channels per layer, weight per layer."""
    from matplotlib.figure import Figure

    height = max(2.0 + 0.2 * max(min(len(t["channels"]), SHOWN), len(t["layers"])) for t in explanations)
    figure = Figure(figsize=(11, height * len(explanations)), layout="constrained")
    rows = figure.subfigures(len(explanations), 1, squeeze=False)[:, 0]
    for row, told in zip(rows, explanations, strict=True):
        row.suptitle(heading(told))
        _bars(row.subplots(1, 3, width_ratios=(3, 2, 2)), told)
    figure.savefig(path, format="png", dpi=100)


def _bars(axes: Any, told: dict[str, Any]) -> None:
    channels, layers = told["channels"][:SHOWN], told["layers"]
    names = [f"{row['layer']}[{row['index']}]" for row in channels]
    colours = ["tab:blue" if row["weight"] > 0 else "tab:orange" for row in channels]
    axes[0].barh(names, [row["weight"] for row in channels], color=colours)
    axes[0].axvline(0, color="black", linewidth=1)
    axes[0].set_title("weight" if len(channels) == len(told["channels"]) else f"weight, first {SHOWN}")
    for axis, value, title in ((axes[1], "channels", "channels per layer"), (axes[2], "weight", "sum of |weight|")):
        axis.barh([row["layer"] for row in layers], [row[value] for row in layers], color="tab:gray")
        axis.set_title(title)
    for axis in axes:
        axis.invert_yaxis()
