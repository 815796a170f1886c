"""What the descents of an inversion share: how they report, how fast they go, and which settings make sense."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError
from styleclip.records import Step

OnStep = Callable[[Step], None]


def schedule(t: float) -> float:
    """The learning rate at time t of 0 to 1: a linear rise over 5 %, a cosine fall over the second half."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, 2 * (1 - t)))
    return fall * min(1.0, (t + 0.005) / 0.05)


def total(parts: Mapping[str, Tensor], step: int) -> Tensor:
    """The sum [N] of weighted losses [N]; raises NumericError where it is not finite."""
    loss = torch.stack([*parts.values()]).sum(dim=0)
    if not loss.isfinite().all():
        raise NumericError(f"the loss became {loss.max().item()} at step {step}; lower the learning rate, --lr")
    return loss


def check(settings: object, counts: Iterable[str], numbers: Iterable[str]) -> None:
    """Raise UsageError unless these fields are at least 1, or finite and not negative."""
    for name in counts:
        if getattr(settings, name) < 1:
            raise UsageError(f"{name} is {getattr(settings, name)}; it must be at least 1")
    for name in numbers:
        value = getattr(settings, name)
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{name} is {value}; it must be a finite number, 0 or more")
