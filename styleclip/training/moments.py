"""What an optimizer remembers between two steps, as named tensors for the file of an unfinished training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The running means of every parameter, named `PARAMETER.KIND` by its number."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": each for i, own in state.items() for name, each in own.items()}


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]] | None = None
) -> None:
    """Give an optimizer of the same parameters back what `moments` told, and its `groups` where they have changed."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, kind = name.partition(".")
        state.setdefault(int(index), {})[kind] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups or optimizer.state_dict()["param_groups"]})
