"""A stand-in for CUDA graphs on the CPU, with their ways: it reads and writes the same tensors at every replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.runtime import cuda_graphs


class Tape:
    """Takes the place of `cuda_graphs.Recorder`. `recorded` counts what all tapes hold, `played` the replays."""

    recorded = played = 0

    def __call__(self, function: Callable[..., Any], own: tuple[Tensor, ...]) -> Callable[..., Any]:
        Tape.recorded += 1
        found = function(*own)
        alone = isinstance(found, Tensor)
        results = tuple(each.detach().clone() for each in ((found,) if alone else found))
        learning = [each for each in own if each.requires_grad]
        gradients = [torch.empty_like(each) for each in learning]

        class Replay(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *given: Tensor) -> tuple[Tensor, ...]:
                for mine, each in zip(own, given, strict=True):
                    mine.copy_(each)
                with torch.set_grad_enabled(bool(learning)):
                    made = function(*own)
                ctx.made = (made,) if alone else made
                for place, each in zip(results, ctx.made, strict=True):
                    place.copy_(each)
                return tuple(place.detach() for place in results)

            @staticmethod
            def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
                for place, each in zip(gradients, torch.autograd.grad(ctx.made, learning, grads), strict=True):
                    place.copy_(each)
                found = iter(gradients)
                return tuple(next(found).detach() if each.requires_grad else None for each in own)

        def replay(*given: Tensor) -> Any:
            Tape.played += 1
            made = Replay.apply(*given)
            return made[0] if alone else made

        return replay


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> type[Tape]:
    """All work that would become a graph on CUDA becomes one here."""
    monkeypatch.setattr(Tape, "recorded", 0)
    monkeypatch.setattr(Tape, "played", 0)
    monkeypatch.setattr(cuda_graphs, "Recorder", Tape)
    monkeypatch.setattr(cuda_graphs, "can_record", lambda tensors: True)
    return Tape
