"""`python -m benchmarks optimize`: a step of latent optimization at 1024 px, ours against the published one.

Both start from the same latent with the same networks (StyleGAN2 config-f, CLIP ViT-B/32, ArcFace IR-SE50), which have
random weights. The published recipe is in benchmarks/published_styleclip.py.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from benchmarks.published_styleclip import PublishedOptimization
from benchmarks.timing import Measurement, Timer, compare, make_timer, synchronize
from benchmarks.tools import PROMPT, Report, Setup, bench_command, markdown_table, repeats_option
from styleclip.latents import Latent, Space
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.settings import published_values
from styleclip.text.units import human_number

SIDE = 1024  # px
STEPS = {"cpu": 2, "cuda": 40}  # of a run of ours; the second half is measured, because a GPU has to warm up
FIELD = "loss_resolution"
SKIP_SIDE = 256  # px of the smaller skip image for the losses


@dataclass(frozen=True)
class OptimizeVariant:
    """The published step (`method` None), or ours."""

    name: str
    method: Optimize | None
    setup: Setup

    @property
    def device(self) -> torch.device:
        return self.setup.device

    def timers(self) -> dict[str, Timer]:
        self.setup.apply()
        models, method = self.setup.models(SIDE, frozen=self.method is not None), self.method
        w_plus = start_latent(models)
        if method is None:  # created in the first run, because it renders the source
            published = functools.cache(
                lambda: PublishedOptimization(models, Prompt(PROMPT), w_plus, published_values(Optimize))
            )
            return {"step": make_timer(lambda: published().step(), self.device)}
        return {"step": lambda: mean_step_seconds(models, w_plus, method)}


def start_latent(models: Models) -> torch.Tensor:
    """W+ [1, num_ws, w_dim] of a random z."""
    generator = models.generator
    z = torch.randn(1, generator.config.z_dim, generator=torch.Generator().manual_seed(0)).to(generator.w_avg)
    with torch.no_grad():
        return generator.to_space(Latent(Space.Z, z), Space.W_PLUS).data.clone()


def mean_step_seconds(models: Models, w_plus: torch.Tensor, method: Optimize) -> float:
    """Mean seconds between two calls of `on_step` in the second half of a run.

    A step is a gradient, a step of Adam, and the losses after it.
    """
    times: list[float] = []

    def on_step(step: Step) -> None:
        synchronize(models.device)
        times.append(time.perf_counter())

    method(models, Latent(Space.W_PLUS, w_plus), Prompt(PROMPT), on_step)
    half = len(times) // 2
    return (times[-1] - times[-1 - half]) / half


@bench_command
@repeats_option(5, quick=1)
def optimize(setup: Setup, repeats: int) -> Report:
    """Time a step of `styleclip optimize` at 1024 px, and its memory, against the published one."""
    published = OptimizeVariant("published", None, setup.in_float32())
    ours = [OptimizeVariant(*each, setup) for each in our_methods(STEPS[setup.device.type]).items()]
    results = ratio_rows(compare([published, *ours], repeats))
    return Report(results, markdown(results))


def our_methods(steps: int) -> dict[str, Optimize]:
    """Ours with losses on the full image, and on the smaller skip image."""
    settings = {name: value for name, value in published_values(Optimize).items() if name != "steps"}
    method = Optimize(steps=steps, **settings)
    if FIELD not in {field.name for field in fields(Optimize)}:
        return {"ours": method}
    sizes: dict[str, Any] = {"whole": "full", f"{SKIP_SIDE} px": SKIP_SIDE}
    return {f"ours, losses on the {name}": replace(method, **{FIELD: size}) for name, size in sizes.items()}


def ratio_rows(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Rows of JSON: measurements and ratios to the published one, which comes first."""
    return [{**each.to_dict(), **each.ratios_to(measurements[0])} for each in measurements]


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The table: medians, and the shortest times in brackets."""
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
    return markdown_table(["optimization step", "s", "times as fast", *memory], lines)
