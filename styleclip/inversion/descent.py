"""The sum of the losses of an inversion."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from styleclip.errors import NumericError


def total(parts: Mapping[str, Tensor], step: int) -> Tensor:
    """The sum [N] of weighted losses [N]; raises NumericError where it is not finite."""
    loss = torch.stack([*parts.values()]).sum(dim=0)
    if not loss.isfinite().all():
        raise NumericError(f"the loss became {loss.max().item()} at step {step}; lower the learning rate, --lr")
    return loss
