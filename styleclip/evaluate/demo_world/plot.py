"""The plot of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from styleclip.evaluate.demo_world.limits import MAX_BACKGROUND
from styleclip.evaluate.demo_world.scores import Row
from styleclip.label_fonts import drawable_label

PANELS = (("clean", "tab:blue", 1.0), ("flips", "tab:orange", None), ("bg", "tab:green", None))
TITLES = {"clean": "clean", "flips": "flips an edit", "bg": "background, 1/255"}


def plot_rows(prompts: Sequence[Row], means: Sequence[Row], path: Path) -> None:
    """Horizontal bars of `clean`, `flips` and `bg`: a row for each prompt, and below them those of the means.

    A diamond is the oracle on the same faces; the line of `bg` is the limit of a clean edit.
    """
    from matplotlib.figure import Figure

    rows = [*prompts, *means]
    places = [*range(len(prompts)), *(len(prompts) + 0.5 + i for i in range(len(means)))]
    figure = Figure(figsize=(11, 1.4 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True, width_ratios=(1.6, 1, 1))
    for axis, (name, color, most) in zip(axes, PANELS, strict=True):
        values = [row.means[name] for row in rows]
        axis.barh(places[: len(prompts)], values[: len(prompts)], color=color)
        axis.barh(places[len(prompts) :], values[len(prompts) :], color="0.45")
        ideal = [row.oracle[name] for row in rows]
        axis.plot(ideal, places, "D", color="black", markersize=4, label="oracle", clip_on=False, linestyle="none")
        axis.set_title(TITLES[name])
        axis.set_xlim(0, most)
        axis.grid(axis="x", color="0.85")
        axis.set_axisbelow(True)
    axes[2].axvline(MAX_BACKGROUND, color="tab:red", linewidth=1)
    labels = [drawable_label(f"{row.label} ({row.faces})") for row in rows]
    axes[0].set_yticks(places, [label.text for label in labels])
    for tick, label in zip(axes[0].get_yticklabels(), labels, strict=True):
        tick.set(**label.plot_style())
    axes[0].set_ylim(places[-1] + 0.8, -0.8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower right", frameon=False)
    figure.savefig(path, format="png", dpi=120)
