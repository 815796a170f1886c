"""`python -m benchmarks generator`: the generator at 1024 px, against its convolutions alone and the published one.

Config-f with random weights, one picture: forward, and forward and backward to W+. The published generator is
that of benchmarks/published_stylegan2.py; `not frozen` is ours with trainable weights, so that backward also computes
their gradients, as it does in the published one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks.convolutions import Bound
from benchmarks.growth import growth, plot
from benchmarks.published_stylegan2 import render
from benchmarks.shares import shares, shares_table
from benchmarks.timing import Measured, Timer, compared, stopwatch
from benchmarks.tools import KERNELS, Report, Setting, bench, repeats_option, table, under
from styleclip.cli.output.progress import human_number
from styleclip.latents import Latent, Space
from styleclip.networks.stylegan2 import Generator

BOUND, THAWED, PUBLISHED = "convolutions alone", "ours, not frozen", "published"
FORWARD, BACKWARD = "forward", "forward + backward"
SIDE = 1024  # px
Works = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Way:
    """One way of rendering a picture; `kernels` is for STYLECLIP_OPS."""

    name: str
    kernels: str
    setting: Setting

    @property
    def device(self) -> torch.device:
        return self.setting.device

    def timers(self) -> dict[str, Timer]:
        self.setting.apply()
        generator = self.setting.generator(SIDE, frozen=self.name not in (THAWED, PUBLISHED))
        if self.name == BOUND:
            bound = Bound(generator)
            works: Works = {FORWARD: bound.forward, BACKWARD: bound.backward}
        else:
            works = rendering(generator, render if self.name == PUBLISHED else ours)
        return {name: stopwatch(under(self.kernels, work), self.device) for name, work in works.items()}


def ours(generator: Generator, w_plus: Tensor, resolution: int | None = None) -> Tensor:
    return generator(Latent(Space.W_PLUS, w_plus), resolution=resolution)


def rendering(generator: Generator, draw: Callable[[Generator, Tensor], Tensor], batch: int = 1) -> Works:
    """Pictures of random latents, and the gradient of the latents from a random one of the pictures."""
    w_plus = torch.randn(batch, generator.num_ws, generator.config.w_dim).to(generator.w_avg)
    with torch.no_grad():
        grad = torch.randn_like(draw(generator, w_plus))

    def forward() -> None:
        with torch.no_grad():
            draw(generator, w_plus)

    def backward() -> None:
        draw(generator, w_plus.requires_grad_(True)).backward(grad)

    return {FORWARD: forward, BACKWARD: backward}


@bench
@repeats_option(5, quick=2)
@click.option("--plot", "picture", type=Path, help="Also measure sizes and batches, and draw them here.")
def generator(setting: Setting, repeats: int, picture: Path | None) -> Report:
    """Time a picture of 1024 px and its gradient, and their memory, against its convolutions and the published."""
    names = {which: f"ours, {KERNELS[which]}" for which in setting.kernels}
    fastest = setting.kernels[0]
    ways = [
        Way(BOUND, fastest, setting),
        *(Way(name, which, setting) for which, name in names.items()),
        Way(THAWED, fastest, setting),
        Way(PUBLISHED, "reference", setting.in_float32()),
    ]
    measured = compared(ways, repeats)
    results = rows(measured)
    frozen = setting.generator(SIDE)
    spent = under(fastest, lambda: shares(rendering(frozen, ours), setting.device))()
    text = f"{markdown(results)}\n\nWhere the time goes ({names[fastest]}):\n\n{shares_table(spent)}"
    grown = under(fastest, lambda: growth(frozen, sized, setting.quick))() if picture else []
    if picture:
        plot(grown, picture)
    return Report(results, text, {"shares": spent, "growth": grown})


def sized(generator: Generator, batch: int, resolution: int) -> Works:
    return rendering(generator, partial(ours, resolution=resolution), batch)


def rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """What was measured, to the bound and to the published."""
    known = {(each.name, each.work): each for each in measured}
    results = []
    for each in measured:
        ratios = {
            f"{name}_to_{other}": value
            for other, whose in (("bound", BOUND), ("published", PUBLISHED))
            for name, value in each.over(known[whose, each.work]).items()
            if name != "beyond_ratio"
        }
        results.append({**each.record(), **ratios})
    return results


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A table for each work: medians, in brackets by the shortest times. Memory is that of both works; that of the
    convolutions means nothing, since their inputs lie ready.
    """
    tables = []
    for work in (FORWARD, BACKWARD):
        lines = [
            [
                row["name"],
                f"{human_number(row['seconds'])} ({human_number(row['least'])})",
                f"{row['ratio_to_bound']:.2f} ({row['least_ratio_to_bound']:.2f})",
                f"{row['ratio_to_published']:.2f} ({row['least_ratio_to_published']:.2f})",
                "" if row["name"] == BOUND else memory(row),
            ]
            for row in results
            if row["work"] == work
        ]
        columns = [work, "s", "to the convolutions", "to published", "peak memory, GiB (to published)"]
        tables.append(table(columns, lines))
    return "\n\n".join(tables)


def memory(row: dict[str, Any]) -> str:
    return f"{human_number(row['memory'] / 2**30)} ({row['memory_ratio_to_published']:.2f})"
