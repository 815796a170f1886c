"""`python -m benchmarks stylegan3`: a picture of StyleGAN3, configs T and R, against the published formulation.

Random weights, one picture, frozen. Every row is a process of its own, which draws a small picture first and then runs
once forward, and once forward and backward to W+; so the memory of forward is that without gradients.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import click
import torch

from benchmarks import published_stylegan3
from benchmarks.generator import BACKWARD, FORWARD, PUBLISHED, SIDE, render_ours, render_works
from benchmarks.timing import max_bytes_in_use, time_call
from benchmarks.tools import KERNEL_LABELS, Report, Setup, bench_command, markdown_table, with_ops
from styleclip.text.units import human_number

CONFIGS = {"T": "stylegan3-t", "R": "stylegan3-r"}
WORKS = (FORWARD, BACKWARD)


@bench_command
@click.option("--config", "configs", type=click.Choice([*CONFIGS]), multiple=True, default=[*CONFIGS], help="T, R.")
@click.option("--work", "works", type=click.Choice(WORKS), multiple=True, default=WORKS)
@click.option("--side", type=int, default=SIDE, help="px of the picture, a power of two.  [default: 1024]")
@click.option("--plain", is_flag=True, help="Also ours without compiled kernels.")
def stylegan3(setup: Setup, configs: Sequence[str], works: Sequence[str], side: int, plain: bool) -> Report:
    """Time a picture of a StyleGAN3, its gradient, and their memory."""
    side = 64 if setup.quick else side
    names = [(f"ours, {KERNEL_LABELS[which]}", which) for which in (setup.kernels if plain else setup.kernels[:1])]
    rows = []
    for config in configs:
        with_networks = replace(setup, networks=CONFIGS[config])
        for name, which in [*names, (PUBLISHED, "reference")]:
            measured = in_subprocess(with_networks, side, name == PUBLISHED, which, tuple(works))
            rows += [{"config": config, "name": name, **row} for row in measured]
    return Report(rows, markdown(rows))


def in_subprocess(*arguments: Any) -> list[dict[str, Any]]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure(setup: Setup, side: int, published: bool, kernels: str, works: Sequence[str]) -> list[dict[str, Any]]:
    """Seconds and peak bytes of this process, for every work."""
    setup.apply()
    draw = published_stylegan3.render if published else render_ours
    with_ops(kernels, render_works(setup.generator(64), draw)[BACKWARD])()  # libraries are loaded
    generator = setup.generator(side)
    w_plus = torch.randn(1, generator.num_ws, generator.config.w_dim).to(generator.w_avg)
    rows = []
    for work in works:

        def run(work: str = work) -> None:
            with torch.set_grad_enabled(work == BACKWARD):
                image = draw(generator, w_plus.clone().requires_grad_(work == BACKWARD))
            if work == BACKWARD:
                image.mean().backward()

        seconds, _ = time_call(with_ops(kernels, run), setup.device)
        rows.append({"work": work, "seconds": seconds, "memory": max_bytes_in_use(setup.device)})
    return rows


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A line for every config and work; in parentheses the ratio to the published formulation."""
    published = {(row["config"], row["work"]): row for row in rows if row["name"] == PUBLISHED}
    lines = []
    for row in rows:
        other = published[row["config"], row["work"]]
        cells = [
            f"{human_number(row[key] / unit)} ({row[key] / other[key]:.2f})"
            for key, unit in (("seconds", 1), ("memory", 2**30))
        ]
        lines.append([f"{row['config']}, {row['work']}: {row['name']}", *cells])
    return markdown_table(["config, work", "s (to published)", "peak memory, GiB (to published)"], lines)
