"""Bias, leaky ReLU, gain and clamp in one operation (StyleGAN2, Karras et al. 2020, appendix B)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops._backend import use_native

SQRT2 = math.sqrt(2.0)


def bias_act(
    x: Tensor,  # [N, C, ...]
    b: Tensor,  # [C]
    slope: float = 0.2,
    gain: float = SQRT2,
    clamp: float | None = None,
) -> Tensor:
    """`clamp(gain * leaky_relu(x + b))`, same shape as `x`. `bias_act_reference` is the definition.

    `slope=1` is the linear activation; `clamp` bounds the result to +-clamp.
    """
    op = torch.ops.cuda_ops.bias_act if use_native(x) else bias_act_reference
    return op(x, b, slope, gain, clamp)


def bias_act_reference(
    x: Tensor, b: Tensor, slope: float = 0.2, gain: float = SQRT2, clamp: float | None = None
) -> Tensor:
    """The plain-torch twin of `bias_act`."""
    y = x + b.reshape(1, -1, *[1] * (x.ndim - 2))
    if slope != 1:
        y = F.leaky_relu(y, slope)
    if gain != 1:
        y = y * gain
    return y if clamp is None else y.clamp(-clamp, clamp)
