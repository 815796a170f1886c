"""Draw docs/clean-by-samples.png: python -m scripts.figures.clean_by_samples

The share of clean edits on the tuning set against the number of samples, of `global-dir` by regression and of
`optimize` with its suited settings, beside the relevance table, the gradient and the oracle. Prints a Markdown table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import torch

import styleclip
from benchmarks.tools import markdown_table
from styleclip import evaluate
from styleclip.cli.options.types import SEEDS
from styleclip.methods.base import Method
from styleclip.models import Models
from styleclip.samples import Samples
from styleclip.storage.files import atomic_path
from styleclip.stylespace.samples import models_samples

COUNTS = (100, 200, 500, 1000, 2000, 5000, 20000)
COLUMNS = ("clean", "hit", "flips", "bg")


@click.command()
@click.option("--seeds", type=SEEDS, default="2000-2009")
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("docs/clean-by-samples.png"))
def main(seeds: Sequence[int], threads: int, out: Path) -> None:
    """Draw OUT."""
    torch.set_num_threads(threads)
    models = styleclip.load("demo")
    samples = models_samples(models, COUNTS[-1])
    curves: dict[str, list[float]] = {"global-dir, regression": [], "optimize": []}
    rows = []
    for count in COUNTS:
        fewer = with_samples(models, samples.first(count))
        methods: list[Method] = [styleclip.GlobalDirection(samples=count), styleclip.Optimize(samples=count)]
        for name, method in zip(curves, methods, strict=True):
            report = evaluate.run(fewer, method, seeds)
            curves[name].append(report.mean("clean"))
            rows.append([f"{name}, {count:,} samples", *(f"{report.mean(column):.2f}" for column in COLUMNS)])
            print(rows[-1], flush=True)
    lines = {}
    for relevance in ("table", "gradient"):
        report = evaluate.run(models, styleclip.GlobalDirection(relevance=relevance), seeds)
        lines[f"global-dir, {relevance}"] = report.mean("clean")
        rows.append([f"global-dir, {relevance}", *(f"{report.mean(column):.2f}" for column in COLUMNS)])
    edits = sum(score.faces for score in report.prompts)
    lines["oracle"] = sum(sum(score.oracle["clean"]) for score in report.prompts) / edits
    rows.append(["oracle", f"{lines['oracle']:.2f}", "", "", ""])
    print(markdown_table([f"{edits} edits", *COLUMNS], rows))
    with atomic_path(out) as temporary:
        draw(curves, lines, temporary)


def with_samples(models: Models, samples: Samples) -> Models:
    """The models with these samples and no others."""
    return replace(models, samples=lambda: samples, memo={})


def draw(curves: dict[str, list[float]], lines: dict[str, float], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(COUNTS, values, marker="o", label=name)
    for (name, value), style in zip(lines.items(), (":", "--", "-"), strict=True):
        axes.axhline(value, color="gray", linestyle=style, label=name)
    axes.set_xscale("log")
    axes.set_xticks(COUNTS, [f"{count:,}" for count in COUNTS])
    axes.set_xlabel("samples")
    axes.set_ylabel("clean edits")
    axes.set_ylim(0, 1)
    axes.legend(loc="lower right")
    figure.savefig(path, format="png", dpi=120)


if __name__ == "__main__":
    main()
