"""`python -m benchmarks edit`: the latency of an edit.

Times a global direction that was found before, from latent to image, with the demo models and at 1024 px (config-f,
random weights); and the command `styleclip optimize` with the demo models, from the shell to its files.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

import styleclip
from benchmarks.published_stylegan2 import render_styles, trainable_copy
from benchmarks.timing import Timer, compare, make_repeating_timer, time_in_turns
from benchmarks.tools import (
    KERNEL_LABELS,
    PROMPT,
    Report,
    Setup,
    bench_command,
    markdown_table,
    repeats_option,
    with_ops,
)
from styleclip.latents import Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.text.units import human_number

SIDE = 1024  # px
ALPHA = 4.0
PUBLISHED = "published"


@dataclass(frozen=True)
class EditVariant:
    """A direction applied and rendered, as published or by ours with this value of STYLECLIP_OPS."""

    networks: str  # "demo", or those of the setup
    kernels: str
    setup: Setup

    @property
    def name(self) -> str:
        return self.kernels if self.kernels == PUBLISHED else f"ours, {KERNEL_LABELS[self.kernels]}"

    @property
    def device(self) -> torch.device:
        return self.setup.device

    def timers(self) -> dict[str, Timer]:
        self.setup.apply()
        models = self.setup.demo_models() if self.networks == "demo" else self.setup.models(SIDE)
        latent = styleclip.Editor(models).sample()
        edit = make_direction(models, self.networks == "demo")
        if self.kernels == PUBLISHED:
            return {"edit": make_repeating_timer(published_edit(models, latent, edit), self.device)}
        work = with_ops(self.kernels, lambda: models.render(edit.at(ALPHA)(models, latent, edit.prompt)))
        return {"edit": make_repeating_timer(work, self.device)}


def make_direction(models: Models, of_text: bool) -> StyleDirection:
    """The direction of PROMPT; for networks with random weights one that moves every tenth channel."""
    if of_text:
        return GlobalDirection(relevance="table", alpha=ALPHA).find(models, Prompt(PROMPT, "a face"))
    weights = torch.zeros(models.generator.layout.size, device=models.device)
    weights[::10] = 1.0
    return StyleDirection(Prompt(PROMPT), weights, 0.1 * torch.ones_like(weights), weights, 0.1, ALPHA)


def published_edit(models: Models, latent: Latent, edit: StyleDirection) -> Callable[[], Tensor]:
    """The same edit with the published generator, in float32."""
    plain, layout, shift = trainable_copy(models.generator), models.generator.layout, ALPHA * edit.direction.data

    @torch.no_grad()
    def work() -> Tensor:
        styles = plain.to_space(Latent(latent.space, latent.data.float()), Space.S).data
        return render_styles(plain, layout.split(styles + shift))

    return work


@bench_command
@repeats_option(7, quick=3)
@click.option("--steps", type=click.IntRange(1), help="Of `styleclip optimize`.  [default: its own]")
@click.option(
    "--starts", type=click.IntRange(0), default=3, help="Of `styleclip optimize`; 0 leaves it out.", show_default=True
)
def edit(setup: Setup, repeats: int, steps: int | None, starts: int) -> Report:
    """Time a global direction from latent to image, and `styleclip optimize` from the shell to the files."""
    results = []
    for networks in ("demo", setup.networks):
        variants = [EditVariant(networks, kernels, setup) for kernels in (PUBLISHED, *reversed(setup.kernels))]
        measurements = compare(variants, repeats)
        results += [
            {"networks": networks, **each.to_dict(), **each.ratios_to(measurements[0])} for each in measurements
        ]
    started = time_commands(setup, steps, starts)
    text = "\n\n".join([markdown(results), *([commands_markdown(started)] if started else [])])
    return Report(results, text, {"commands": started})


def time_commands(setup: Setup, steps: int | None, starts: int) -> list[dict[str, Any]]:
    """Seconds of the whole command, and of the edit as its result.json reports them; [] with 0 starts."""
    if not starts:
        return []
    edit_seconds: dict[str, list[float]] = {which: [] for which in setup.kernels}

    def start(which: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            record = run_optimize(setup, which, Path(folder), steps)
            edit_seconds[which].append(record["seconds"])
            return time.perf_counter() - began

    taken = time_in_turns({which: functools.partial(start, which) for which in setup.kernels}, starts)
    return [
        {
            "command": f"styleclip optimize, {KERNEL_LABELS[which]}",
            "steps": steps,
            "seconds": statistics.median(taken[which]),
            "least": min(taken[which]),
            "edit": statistics.median(edit_seconds[which][1:]),  # without the warm-up round
        }
        for which in setup.kernels
    ]


def run_optimize(
    setup: Setup, kernels: str, folder: Path, steps: int | None, python: Sequence[str] = (sys.executable,)
) -> dict[str, Any]:
    """Run the command; returns its JSON output. `python` is what stands in the place of `python`."""
    words = ["optimize", "--prompt", PROMPT, "--out", str(folder), "--device", str(setup.device), "--json"]
    more = ["--steps", str(steps)] if steps else []
    environment = {"STYLECLIP_OPS": kernels, "OMP_NUM_THREADS": str(setup.threads)}
    ran = subprocess.run(
        [*python, "-m", "styleclip", *words, *more],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    record: dict[str, Any] = json.loads(ran.stdout)
    return record


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The table of edits: medians, and the shortest times in brackets."""
    lines = [
        [
            f"{row['networks']}: {row['name']}",
            f"{1000 * row['seconds']:.3g} ({1000 * row['least']:.3g})",
            f"{1 / row['ratio']:.2f} ({1 / row['least_ratio']:.2f})",
            human_number(row["memory"] / 2**30),
            f"{row['memory_ratio']:.2f}",
        ]
        for row in results
    ]
    return markdown_table(["global direction", "ms", "times as fast", "peak memory, GiB", "to published"], lines)


def commands_markdown(started: Sequence[dict[str, Any]]) -> str:
    """The table of commands: medians, and the shortest times in brackets."""
    lines = [
        [
            row["command"],
            f"{human_number(row['seconds'])} ({human_number(row['least'])})",
            human_number(row["edit"]),
            human_number(row["seconds"] - row["edit"]),
        ]
        for row in started
    ]
    return markdown_table(["demo, from the shell", "s", "the edit, s", "start, load and write, s"], lines)
