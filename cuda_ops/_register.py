"""Registration of a native op with torch: its shape function and its derivative, in terms of native ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cuda_ops._backend import on_library_load

Rule = Callable[..., Any]


def register_op(name: str, fake: Rule, keep: Rule, backward: Rule) -> None:
    """Register the shape function `fake` and the derivative of `torch.ops.cuda_ops.NAME` once its library is loaded."""

    def register() -> None:
        torch.library.register_fake(f"cuda_ops::{name}", fake)
        torch.library.register_autograd(f"cuda_ops::{name}", backward, setup_context=keep)

    on_library_load(register)


def empty(x: Tensor, *shape: int) -> Tensor:
    """An empty tensor in the memory format that the kernels choose for `x` (csrc/layout.h)."""
    last = x.ndim == 4 and x.stride(1) == 1 and x.shape[2] * x.shape[3] > 1
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
