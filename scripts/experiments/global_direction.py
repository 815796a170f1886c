"""Measure global directions in the demo world: python -m scripts.experiments.global_direction curves|gradient|ratio

Clean, hit and flips are those of `styleclip evaluate` on its tuning set. `curves` sweeps alpha and beta and draws
benchmarks/global_direction.png; `gradient` compares relevance by gradient with the table; `ratio` compares their times.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch

import styleclip
from styleclip import evaluate
from styleclip.cli.options.types import SEEDS
from styleclip.demo.captions import other_states
from styleclip.demo.wordings import WordingSet, load_wordings
from styleclip.methods.base import Method
from styleclip.methods.global_direction import GlobalDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.settings import Strength
from styleclip.storage.files import atomic_path
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.statistics import sample_styles, style_statistics

ALPHAS = (1.0, 2.0, 4.0, 6.0, 9.0, 13.0)
BETAS: tuple[Strength, ...] = (0.05, 0.08, 0.12, "auto")
REACHES = (0.15, 0.25, 0.35, 0.45, 0.6)
MEASURED = ("clean", "hit", "flips")
TOP = 50

Curve = list[tuple[float, ...]]  # strength and MEASURED


@click.group()
@click.option("--threads", default=1)
def main(threads: int) -> None:
    """Measure global directions."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


@main.command()
@click.option("--seeds", type=SEEDS, default="2000-2019")
@click.option("--out", type=Path, default=Path("benchmarks/global_direction.png"))
def curves(seeds: Sequence[int], out: Path) -> None:
    """Clean, hit and flips over alpha for several beta, and over the reach of alpha=auto."""
    models = styleclip.load("demo")
    lines = {
        f"beta {beta}": [(alpha, *_measure(models, table(alpha=alpha, beta=beta), seeds)) for alpha in ALPHAS]
        for beta in BETAS
    }
    auto = [(reach, *_measure(models, table(alpha="auto", reach=reach), seeds)) for reach in REACHES]
    for name, curve in {**lines, "alpha auto, by reach": auto}.items():
        print(f"\n{name}\n\n| | " + " | ".join(f"{point[0]:g}" for point in curve) + " |")
        print("|---|" + "---|" * len(curve))
        for index, row in enumerate(MEASURED, start=1):
            print(f"| {row} | " + " | ".join(f"{point[index]:.3f}" for point in curve) + " |")
    _draw(lines, auto, out)


@main.command()
@click.option("--seeds", type=SEEDS, default="2000-2019")
@click.option("--images", default=100)
def gradient(seeds: Sequence[int], images: int) -> None:
    """Rank correlation, overlap of the top channels and clean edits of gradient relevance against the table."""
    models = styleclip.load("demo")
    quick = GlobalDirection(relevance="gradient", images=images)
    columns = ("rank correlation", f"top {TOP}", "table", "gradient", "s to the first edit")
    print("| prompt | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    rows = []
    for wording in load_wordings("tuning").wordings:
        prompt = Prompt(wording.text, other_states(wording.claims), force=True)
        exact = table().find(models, prompt).relevance
        started = time.perf_counter()
        rough = quick.find(models, prompt)
        seconds = time.perf_counter() - started
        overlap = len(set(_top(exact)) & set(_top(rough.relevance))) / TOP
        alone = WordingSet("tuning", (wording,))
        clean = [_measure(models, method, seeds, alone)[0] for method in (table(), rough)]
        rows.append([_rank_correlation(exact, rough.relevance), overlap, *clean, seconds])
        print(f"| {wording.text} | " + " | ".join(f"{value:.2f}" for value in rows[-1]) + " |", flush=True)
    print("| **mean** | " + " | ".join(f"{value:.3f}" for value in torch.tensor(rows).mean(dim=0).tolist()) + " |")


@main.command()
@click.option("--images", default=100)
@click.option("--every", default=96, help="Measure every N-th channel.")
def ratio(images: int, every: int) -> None:
    """Time the exact table and the gradient of one prompt in one run."""
    models = styleclip.load("demo")
    prompt = Prompt("a face with red hair", "a face with hair")
    started = time.perf_counter()
    GlobalDirection(relevance="gradient", images=images).find(models, prompt)
    gradient_seconds = time.perf_counter() - started
    statistics, styles = style_statistics(models.generator, 10_000), sample_styles(models.generator, images)
    channels = torch.arange(0, models.generator.layout.size, every)
    started = time.perf_counter()
    list(measure(models, statistics, styles, channels))
    table_seconds = (time.perf_counter() - started) * every
    print(
        f"gradient {gradient_seconds:.1f} s, table {table_seconds:.0f} s: {table_seconds / gradient_seconds:.0f} times"
    )


def table(**settings: Any) -> GlobalDirection:
    """A global direction by the relevance table."""
    return GlobalDirection(relevance="table", **settings)


def _measure(
    models: Models, method: Method, seeds: Sequence[int], wordings: WordingSet | None = None
) -> tuple[float, ...]:
    """Means of MEASURED over all edits."""
    report = evaluate.run(models, method, seeds, wordings)
    return tuple(report.mean(name) for name in MEASURED)


def _top(relevance: torch.Tensor) -> list[int]:
    return relevance.abs().topk(TOP).indices.tolist()


def _rank_correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Spearman's, of the signed relevance of all channels."""
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return torch.corrcoef(ranks)[0, 1].item()


def _draw(lines: dict[str, Curve], auto: Curve, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    over_alpha, trade = figure.subplots(1, 2)
    for name, curve in lines.items():
        alphas, clean, hit, flips = zip(*curve, strict=True)
        (line,) = over_alpha.plot(alphas, clean, label=name)
        over_alpha.plot(alphas, hit, "--", color=line.get_color())
        trade.plot(flips, clean, ".-", color=line.get_color(), label=name)
    trade.plot(
        [x[3] for x in auto],
        [x[1] for x in auto],
        "k*-",
        label="alpha auto, reach " + f"{auto[0][0]:g} to {auto[-1][0]:g}",
    )
    over_alpha.set(xlabel="alpha", title="clean (full) and hit (dashed)")
    trade.set(xlabel="flips an edit", ylabel="clean", title="every strength of each beta")
    over_alpha.legend(fontsize=8)
    trade.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


if __name__ == "__main__":
    main()
