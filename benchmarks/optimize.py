"""`python -m benchmarks optimize`: a step of latent optimization at 1024 px, ours against the published one.

Both step from the same latent on the same networks (StyleGAN2 config-f, CLIP ViT-B/32, ArcFace IR-SE50), whose weights
are random, so no file is needed; benchmarks/published_styleclip.py is the published recipe.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from benchmarks.published_styleclip import PublishedOptimization
from benchmarks.timing import Measured, Timer, compared, stopwatch, synchronize
from benchmarks.tools import TEXT, Report, Setting, bench, repeats_option, table
from styleclip.cli.output.progress import human_number
from styleclip.latents import Latent, Space
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.settings import published as published_settings

SIDE = 1024  # px
STEPS = {"cpu": 2, "cuda": 40}  # of a run of ours, whose second half is measured: on a GPU it has to warm up
FIELD = "loss_resolution"
SMALLER = 256  # px of the skip image that losses may look at


@dataclass(frozen=True)
class Way:
    """The published step, or ours with losses on this much of the picture."""

    name: str
    method: Optimize | None
    setting: Setting

    @property
    def device(self) -> torch.device:
        return self.setting.device

    def timers(self) -> dict[str, Timer]:
        self.setting.apply()
        models, method = self.setting.models(SIDE, frozen=self.method is not None), self.method
        w_plus = start(models)
        if method is None:  # it renders the source when it begins, which is no part of loading networks
            published = functools.cache(
                lambda: PublishedOptimization(models, Prompt(TEXT), w_plus, published_settings(Optimize))
            )
            return {"step": stopwatch(lambda: published().step(), self.device)}
        return {"step": lambda: later_step(models, w_plus, method)}


def start(models: Models) -> torch.Tensor:
    """The W+ [1, num_ws, w_dim] of a random face."""
    generator = models.generator
    z = torch.randn(1, generator.config.z_dim, generator=torch.Generator().manual_seed(0)).to(generator.w_avg)
    with torch.no_grad():
        return generator.to_space(Latent(Space.Z, z), Space.W_PLUS).data.clone()


def later_step(models: Models, w_plus: torch.Tensor, method: Optimize) -> float:
    """Seconds from one call of `on_step` to the next: a gradient, a step of Adam, and the losses after it.

    Their mean over the second half of a run.
    """
    told: list[float] = []

    def on_step(step: Step) -> None:
        synchronize(models.device)
        told.append(time.perf_counter())

    method(models, Latent(Space.W_PLUS, w_plus), Prompt(TEXT), on_step)
    half = len(told) // 2
    return (told[-1] - told[-1 - half]) / half


@bench
@repeats_option(5, quick=1)
def optimize(setting: Setting, repeats: int) -> Report:
    """Time a step of `styleclip optimize` at 1024 px, and its memory, against the published one."""
    published = Way("published", None, setting.in_float32())
    results = rows(
        compared([published, *(Way(*each, setting) for each in methods(STEPS[setting.device.type]).items())], repeats)
    )
    return Report(results, markdown(results))


def methods(steps: int) -> dict[str, Optimize]:
    """Ours with losses on the whole picture, and on the smaller skip image where that can be chosen."""
    settings = {name: value for name, value in published_settings(Optimize).items() if name != "steps"}
    method = Optimize(steps=steps, **settings)
    if FIELD not in {field.name for field in fields(Optimize)}:
        return {"ours": method}
    sizes: dict[str, Any] = {"whole": "full", f"{SMALLER} px": SMALLER}
    return {f"ours, losses on the {name}": replace(method, **{FIELD: size}) for name, size in sizes.items()}


def rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """What was measured, to the published, which comes first."""
    return [{**each.record(), **each.over(measured[0])} for each in measured]


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The table; in brackets by the shortest times."""
    lines = [
        [
            row["name"],
            f"{human_number(row['seconds'])} ({human_number(row['least'])})",
            f"{1 / row['ratio']:.2f} ({1 / row['least_ratio']:.2f})",
            human_number(row["memory"] / 2**30),
            f"{row['memory_ratio']:.2f}",
            human_number(row["beyond"] / 2**30),
            f"{row['beyond_ratio']:.2f}",
        ]
        for row in results
    ]
    memory = ["peak memory, GiB", "to published", "beyond networks, GiB", "to published"]
    return table(["optimization step", "s", "times as fast", *memory], lines)
