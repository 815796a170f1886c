"""What the descents of an inversion share: how fast they go, and what they go down."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from styleclip.errors import NumericError


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
