"""The benchmark of latent optimization: both sides compute the same gradients, and ratios follow from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from benchmarks.optimize import mean_step_seconds, our_methods, start_latent
from benchmarks.published_styleclip import PublishedOptimization
from benchmarks.tools import PROMPT
from styleclip.latents import Latent, Space
from styleclip.methods.optimize import Optimize
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.settings import published_values
from tests.helpers.bench_runner import SMALL, run_bench_json

STEPS = 4
SETTINGS = {
    **published_values(Optimize),
    "steps": STEPS,
    "lr": 0.01,
    "lambda_l2": 0.5,
    "lambda_id": 0.5,
}  # so that every term counts


@contextmanager
def gradients() -> Iterator[list[Tensor]]:
    """The gradients that optimizers get, flat, in order."""
    seen: list[Tensor] = []

    def look(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        [variable] = optimizer.param_groups[0]["params"]
        seen.append(variable.grad.flatten().clone())

    hook = register_optimizer_step_pre_hook(look)
    yield seen
    hook.remove()


def test_the_published_optimization_is_ours() -> None:
    """The same losses and gradients all along the way; ours makes no other gradient."""
    models, losses = SMALL.models(1024), list[float]()
    w_plus = start_latent(models)
    with gradients() as ours:
        method = Optimize(**{**SETTINGS, **whole_picture()})
        method(models, Latent(Space.W_PLUS, w_plus), Prompt(PROMPT), lambda step: losses.append(step.values["loss"]))
    assert all(p.grad is None for p in models.generator.parameters())
    published_values = PublishedOptimization(SMALL.models(1024, frozen=False), Prompt(PROMPT), w_plus, SETTINGS)
    with gradients() as theirs:
        assert [published_values.step() for _ in range(STEPS)] == pytest.approx(losses, abs=1e-5)
    assert all(p.grad is not None for p in published_values.models.generator.synthesis.parameters())
    assert all(p.grad is not None for p in published_values.models.clip.model.transformer.parameters())
    assert (published_values.w_plus - w_plus).abs().max() > 1e-3  # it went somewhere, so the L2 term has a gradient
    assert len(ours) >= STEPS - 1  # a step after the last losses would change nothing
    for one, other in zip(ours, theirs, strict=False):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max()))


def whole_picture() -> dict[str, Any]:
    """The losses of ours see the full image, as the published ones do."""
    return {"loss_resolution": "full"} if hasattr(Optimize(), "loss_resolution") else {}


def test_steps_are_from_one_call_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 3.0, 4.0, 8.0])
    monkeypatch.setattr("benchmarks.optimize.time.perf_counter", lambda: next(clock))
    steps: list[Step] = []

    def method(models: Any, latent: Latent, prompt: Prompt, on_step: Any) -> None:
        steps.extend(Step(i, 4, {}, latent) for i in range(1, 5))
        for step in steps:
            on_step(step)

    assert mean_step_seconds(SMALL.models(1024), torch.zeros(1, 2, 3), method) == 2.5  # type: ignore[arg-type]


@pytest.mark.usefixtures("fork_server")
def test_the_rows() -> None:
    first, *ours = run_bench_json("optimize")["results"]
    assert [row["name"] for row in (first, *ours)] == ["published", *our_methods(2)]
    for row in (first, *ours):
        assert 0 < row["least"] <= row["seconds"] and 0 <= row["beyond"] < row["memory"]
        assert row["ratio"] == pytest.approx(row["seconds"] / first["seconds"])
        assert row["memory_ratio"] == pytest.approx(row["memory"] / first["memory"])
