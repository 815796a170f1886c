"""Inputs of the native ops."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TAPS = torch.tensor([0.1, 0.5, -0.3, 0.7])  # asymmetric, so a forgotten flip shows
LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
LOW_PRECISIONS = [torch.float32, torch.bfloat16, torch.float16]


def random_normal(*shape: int, seed: int = 0, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    numbers = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return numbers.to(memory_format=layout) if len(shape) == 4 else numbers


def bias_act_terms(height: int, width: int) -> dict[str, Tensor]:
    """All that `bias_act` multiplies and adds, for x [2, 3, height, width]."""
    return {
        "b": random_normal(3, seed=1),
        "scale": random_normal(2, 3, seed=2),
        "noise": random_normal(1, 1, height, width, seed=3),
    }


def output_and_gradients(op: Callable[..., Tensor], inputs: list[Tensor]) -> list[Tensor]:
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    y = op(*leaves)
    y.backward(torch.cos(torch.arange(y.numel()).reshape(y.shape)).to(y))
    return [y.detach().double(), *(leaf.grad.double() for leaf in leaves if leaf.grad is not None)]
