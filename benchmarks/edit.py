"""`python -m benchmarks edit`: how long one waits for an edit.

A global direction that was found before: apply it to a latent and render, with the demo models and at 1024 px
(config-f, random weights). And `styleclip optimize` with the demo models as a person starts it, from the shell to the
files.
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
from benchmarks.published_stylegan2 import as_trained, paint
from benchmarks.timing import Timer, compared, in_turn, repeated
from benchmarks.tools import KERNELS, TEXT, Report, Setting, bench, repeats_option, table, under
from styleclip.cli.output.progress import human_number
from styleclip.latents import Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.prompts import Prompt

SIDE = 1024  # px
ALPHA = 4.0
PUBLISHED = "published"


@dataclass(frozen=True)
class Way:
    """A direction applied and rendered: the published way, or ours by the words of STYLECLIP_OPS."""

    networks: str  # "demo", or those of the setting
    kernels: str
    setting: Setting

    @property
    def name(self) -> str:
        return self.kernels if self.kernels == PUBLISHED else f"ours, {KERNELS[self.kernels]}"

    @property
    def device(self) -> torch.device:
        return self.setting.device

    def timers(self) -> dict[str, Timer]:
        self.setting.apply()
        models = demo(self.setting) if self.networks == "demo" else self.setting.models(SIDE)
        latent = styleclip.Editor(models).sample()
        edit = direction(models, self.networks == "demo")
        if self.kernels == PUBLISHED:
            return {"edit": repeated(published(models, latent, edit), self.device)}
        work = under(self.kernels, lambda: models.render(edit.at(ALPHA)(models, latent, edit.prompt)))
        return {"edit": repeated(work, self.device)}


def demo(setting: Setting) -> Models:
    return styleclip.load("demo", identity="none", device=setting.device, dtype=setting.dtype)


def direction(models: Models, known: bool) -> StyleDirection:
    """That of a text, or for random weights one in which every tenth channel moves."""
    if known:
        return GlobalDirection(alpha=ALPHA).find(models, Prompt(TEXT, "a face"))
    weights = torch.zeros(models.generator.layout.size, device=models.device)
    weights[::10] = 1.0
    return StyleDirection(Prompt(TEXT), weights, 0.1 * torch.ones_like(weights), weights, 0.1, ALPHA)


def published(models: Models, latent: Latent, edit: StyleDirection) -> Callable[[], Tensor]:
    """The same edit, rendered with a weight of its own for every picture, in float32."""
    plain, layout, shift = as_trained(models.generator), models.generator.layout, ALPHA * edit.direction.data

    @torch.no_grad()
    def work() -> Tensor:
        styles = plain.to_space(Latent(latent.space, latent.data.float()), Space.S).data
        return paint(plain, layout.split(styles + shift))

    return work


@bench
@repeats_option(7, quick=3)
@click.option("--steps", type=click.IntRange(1), help="Of `styleclip optimize`.  [default: its own]")
@click.option(
    "--starts", type=click.IntRange(0), default=3, help="Of `styleclip optimize`; 0 leaves it out.", show_default=True
)
def edit(setting: Setting, repeats: int, steps: int | None, starts: int) -> Report:
    """Time a global direction from latent to picture, and `styleclip optimize` from the shell to the files."""
    results = []
    for networks in ("demo", setting.networks):
        ways = [Way(networks, kernels, setting) for kernels in (PUBLISHED, *reversed(setting.kernels))]
        measured = compared(ways, repeats)
        results += [{"networks": networks, **each.record(), **each.over(measured[0])} for each in measured]
    started = commands(setting, steps, starts)
    text = "\n\n".join([markdown(results), *([markdown_of(started)] if started else [])])
    return Report(results, text, {"commands": started})


def commands(setting: Setting, steps: int | None, starts: int) -> list[dict[str, Any]]:
    """Seconds of the whole command, and those that it says the edit took; nothing where it is not to be started."""
    if not starts:
        return []
    own: dict[str, list[float]] = {which: [] for which in setting.kernels}

    def start(which: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            record = optimize(setting, which, Path(folder), steps)
            own[which].append(record["seconds"])
            return time.perf_counter() - began

    taken = in_turn({which: functools.partial(start, which) for which in setting.kernels}, starts)
    return [
        {
            "command": f"styleclip optimize, {KERNELS[which]}",
            "steps": steps,
            "seconds": statistics.median(taken[which]),
            "least": min(taken[which]),
            "edit": statistics.median(own[which][1:]),  # without the first round, which does not count
        }
        for which in setting.kernels
    ]


def optimize(setting: Setting, kernels: str, folder: Path, steps: int | None) -> dict[str, Any]:
    """What the command tells of its edit."""
    words = ["optimize", "--prompt", TEXT, "--out", str(folder), "--device", str(setting.device), "--json"]
    more = ["--steps", str(steps)] if steps else []
    environment = {"STYLECLIP_OPS": kernels, "OMP_NUM_THREADS": str(setting.threads)}
    ran = subprocess.run(
        [sys.executable, "-m", "styleclip", *words, *more],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    record: dict[str, Any] = json.loads(ran.stdout)
    return record


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The edits; in brackets by the shortest times."""
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
    return table(["global direction", "ms", "times as fast", "peak memory, GiB", "to published"], lines)


def markdown_of(started: Sequence[dict[str, Any]]) -> str:
    lines = [
        [
            row["command"],
            f"{human_number(row['seconds'])} ({human_number(row['least'])})",
            human_number(row["edit"]),
            human_number(row["seconds"] - row["edit"]),
        ]
        for row in started
    ]
    return table(["demo, from the shell", "s", "the edit, s", "start, load and write, s"], lines)
