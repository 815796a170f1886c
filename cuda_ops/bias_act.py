"""Scale, noise, bias, leaky ReLU, gain and clamp in one pass (StyleGAN2, Karras et al. 2020, figure 2d)."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops._backend import use_native
from cuda_ops._register import empty, register_op

SQRT2 = math.sqrt(2.0)


def bias_act(
    x: Tensor,  # [N, C, ...]
    b: Tensor | None = None,  # [C]
    scale: Tensor | None = None,  # [N, C]
    noise: Tensor | None = None,  # [N or 1, 1, H, W]
    slope: float = 0.2,
    gain: float = SQRT2,
    clamp: float | None = None,
) -> Tensor:
    """`clamp(gain * leaky_relu(x * scale + noise + b))`, same shape as `x`. `bias_act_reference` is the definition.

    What is None is left out; `slope=1` is the linear activation, `clamp` bounds the result to +-clamp.
    """
    op = torch.ops.cuda_ops.bias_act if use_native(x) else bias_act_reference
    return op(x, b, scale, noise, slope, gain, clamp)


def bias_act_reference(
    x: Tensor,
    b: Tensor | None = None,
    scale: Tensor | None = None,
    noise: Tensor | None = None,
    slope: float = 0.2,
    gain: float = SQRT2,
    clamp: float | None = None,
) -> Tensor:
    """The plain-torch twin of `bias_act`."""
    y = x
    if scale is not None:
        y = y * scale.reshape(*scale.shape, *[1] * (x.ndim - 2))
    if noise is not None:
        y = y + noise
    if b is not None:
        y = y + b.reshape(1, -1, *[1] * (x.ndim - 2))
    if slope != 1:
        y = F.leaky_relu(y, slope)
    if gain != 1:
        y = y * gain
    return y if clamp is None else y.clamp(-clamp, clamp)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.slope, ctx.gain, ctx.clamp = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *gradients(ctx, grad, *ctx.saved_tensors), None, None, None


def gradients(
    ctx: Any, grad: Tensor, x: Tensor, b: Tensor | None, scale: Tensor | None, noise: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Of `x`, `b`, `scale` and `noise`; `ctx` has the slope, gain and clamp."""
    form = (ctx.slope, ctx.gain, ctx.clamp)
    dx, (u, ux) = torch.ops.cuda_ops.bias_act_backward(grad, x, b, scale, noise, *form)
    dnoise = None
    if noise is not None and noise.requires_grad:  # nobody who edits asks for it, so it has no kernel of its own
        every, _ = torch.ops.cuda_ops.bias_act_backward(grad, _argument(x, b, scale, noise), None, None, None, *form)
        dnoise = every.sum_to_size(noise.shape)
    return dx, None if b is None else u.sum(dim=0), None if scale is None else ux, dnoise


def _backward_twice(ctx: Any, of_dx: Tensor, of_sums: Tensor) -> tuple[Tensor | None, ...]:
    """With u = grad * m, where m is piecewise constant: dx = u * scale, sums = (sum of u, sum of u * x)."""
    grad, x, b, scale, noise = ctx.saved_tensors
    through = _argument(x, b, scale, noise), None, None, None, ctx.slope, ctx.gain, ctx.clamp
    pixels = [1] * (x.ndim - 2)
    of_u, of_ux = (part.reshape(*part.shape, *pixels) for part in of_sums)
    factor = x.new_ones(1) if scale is None else scale.reshape(*scale.shape, *pixels)
    dgrad, _ = torch.ops.cuda_ops.bias_act_backward(of_dx * factor + of_u + of_ux * x, *through)
    u, _ = torch.ops.cuda_ops.bias_act_backward(grad, *through)
    dscale = None if scale is None else (of_dx * u).sum_to_size(factor.shape).reshape(scale.shape)
    return dgrad, of_ux * u, None, dscale, None, None, None, None


def _argument(x: Tensor, b: Tensor | None, scale: Tensor | None, noise: Tensor | None) -> Tensor:
    """What the leaky ReLU is applied to."""
    return torch.ops.cuda_ops.bias_act(x, b, scale, noise, 1.0, 1.0, None)


def _fake(x: Tensor, *_: Any) -> Tensor:
    return empty(x, *x.shape)


def _fake_backward(grad: Tensor, x: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return empty(x, *x.shape), x.new_empty(2, *x.shape[:2])


register_op("bias_act", _fake, _keep, _backward)
register_op("bias_act_backward", _fake_backward, _keep, _backward_twice)
