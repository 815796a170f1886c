"""`python -m benchmarks generator`: the generator at 1024 px, against its convolutions alone and the published one.

Config-f or, with --networks, a StyleGAN3, with random weights, one picture: forward, and forward and backward to W+.
The published generator is that of benchmarks/published_stylegan2.py or benchmarks/published_stylegan3.py; `not frozen`
is ours with trainable weights, so that backward also computes their gradients, as it does in the published one.
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

from benchmarks import published_stylegan2, published_stylegan3
from benchmarks.convolutions import ConvolutionBound
from benchmarks.growth import draw_growth, measure_growth
from benchmarks.shares import shares_table, time_shares
from benchmarks.timing import Measurement, Timer, compare, make_timer
from benchmarks.tools import KERNEL_LABELS, Report, Setup, bench_command, markdown_table, repeats_option, with_ops
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.text.units import human_number

BOUND, THAWED, PUBLISHED = "convolutions alone", "ours, not frozen", "published"
FORWARD, BACKWARD = "forward", "forward + backward"
SIDE = 1024  # px
Works = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class GeneratorVariant:
    """One way of rendering an image; `kernels` is the value of STYLECLIP_OPS."""

    name: str
    kernels: str
    setup: Setup

    @property
    def device(self) -> torch.device:
        return self.setup.device

    def timers(self) -> dict[str, Timer]:
        self.setup.apply()
        generator = self.setup.generator(SIDE, frozen=self.name not in (THAWED, PUBLISHED))
        if self.name == BOUND:
            bound = ConvolutionBound(generator)
            works: Works = {FORWARD: bound.forward, BACKWARD: bound.backward}
        else:
            published = published_stylegan2 if self.setup.is_stylegan2 else published_stylegan3
            works = render_works(generator, published.render if self.name == PUBLISHED else render_ours)
        return {name: make_timer(with_ops(self.kernels, work), self.device) for name, work in works.items()}


def render_ours(generator: Generator, w_plus: Tensor, resolution: int | None = None) -> Tensor:
    return generator(Latent(Space.W_PLUS, w_plus), resolution=resolution)


def render_works(generator: Generator, draw: Callable[[Generator, Tensor], Tensor], batch: int = 1) -> Works:
    """Works that render random latents, and that also backpropagate a random gradient of the images."""
    w_plus = torch.randn(batch, generator.num_ws, generator.config.w_dim).to(generator.w_avg)
    with torch.no_grad():
        grad = torch.randn_like(draw(generator, w_plus))

    def forward() -> None:
        with torch.no_grad():
            draw(generator, w_plus)

    def backward() -> None:
        draw(generator, w_plus.requires_grad_(True)).backward(grad)

    return {FORWARD: forward, BACKWARD: backward}


@bench_command
@repeats_option(5, quick=2)
@click.option("--plot", "picture", type=Path, help="Also measure sizes and batches, and draw them here.")
def generator(setup: Setup, repeats: int, picture: Path | None) -> Report:
    """Time an image of 1024 px and its gradient, and their memory, against the convolutions and the published code."""
    names = {which: f"ours, {KERNEL_LABELS[which]}" for which in setup.kernels}
    fastest = setup.kernels[0]
    variants = [
        GeneratorVariant(BOUND, fastest, setup),
        *(GeneratorVariant(name, which, setup) for which, name in names.items()),
        GeneratorVariant(THAWED, fastest, setup),
        GeneratorVariant(PUBLISHED, "reference", setup.in_float32()),
    ]
    measurements = compare(variants, repeats)
    results = ratio_rows(measurements)
    frozen = setup.generator(SIDE)
    share_rows = with_ops(fastest, lambda: time_shares(render_works(frozen, render_ours), setup.device))()
    text = f"{markdown(results)}\n\nWhere the time goes ({names[fastest]}):\n\n{shares_table(share_rows)}"
    growth_rows = with_ops(fastest, lambda: measure_growth(frozen, works_of_size, setup.quick))() if picture else []
    if picture:
        draw_growth(growth_rows, picture)
    return Report(results, text, {"shares": share_rows, "growth": growth_rows})


def works_of_size(generator: Generator, batch: int, resolution: int) -> Works:
    return render_works(generator, partial(render_ours, resolution=resolution), batch)


def ratio_rows(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Rows of JSON: measurements with ratios to the bound and to the published generator."""
    known = {(each.name, each.work): each for each in measurements}
    results = []
    for each in measurements:
        ratios = {
            f"{name}_to_{other}": value
            for other, reference in (("bound", BOUND), ("published", PUBLISHED))
            for name, value in each.ratios_to(known[reference, each.work]).items()
            if name != "beyond_ratio"
        }
        results.append({**each.to_dict(), **ratios})
    return results


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A table for each work: medians, and the shortest times in brackets.

    Memory is the peak of both works. The convolutions have none, because their inputs are allocated beforehand.
    """
    tables = []
    for work in (FORWARD, BACKWARD):
        lines = [
            [
                row["name"],
                f"{human_number(row['seconds'])} ({human_number(row['least'])})",
                f"{row['ratio_to_bound']:.2f} ({row['least_ratio_to_bound']:.2f})",
                f"{row['ratio_to_published']:.2f} ({row['least_ratio_to_published']:.2f})",
                "" if row["name"] == BOUND else memory_cell(row),
            ]
            for row in results
            if row["work"] == work
        ]
        columns = [work, "s", "to the convolutions", "to published", "peak memory, GiB (to published)"]
        tables.append(markdown_table(columns, lines))
    return "\n\n".join(tables)


def memory_cell(row: dict[str, Any]) -> str:
    """GiB, and the ratio to the published generator in brackets."""
    return f"{human_number(row['memory'] / 2**30)} ({row['memory_ratio_to_published']:.2f})"
