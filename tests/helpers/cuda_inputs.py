"""Filters, memory layouts and inputs of the tests of the CUDA kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.helpers.cuda_on_cpu.definitions import normal

# by their length, and so that a forgotten flip shows
FILTERS = {4: torch.tensor([0.1, 0.5, -0.3, 0.7]), 5: torch.tensor([0.2, -0.4, 0.3, 0.6, 0.1])}
LAYOUTS = {"planes": torch.contiguous_format, "last": torch.channels_last}


def picture(shape: tuple[int, ...], dtype: torch.dtype, layout: str, seed: int = 0) -> Tensor:
    x = normal(*shape, dtype=dtype, seed=seed)
    return x.to(memory_format=LAYOUTS[layout]) if x.ndim == 4 else x
