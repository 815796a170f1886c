"""The FIR filter behind an upsampling convolution together with the activation that follows it (StyleGAN2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cuda_ops._backend import use_native
from cuda_ops._register import empty, register_op
from cuda_ops.bias_act import SQRT2, bias_act_reference, gradients
from cuda_ops.upfirdn2d import upfirdn2d_reference


def blur_act(
    x: Tensor,  # [N, C, H, W]
    taps: Tensor,  # [K]
    b: Tensor | None = None,  # [C]
    scale: Tensor | None = None,  # [N, C]
    noise: Tensor | None = None,  # [N or 1, 1, H', W']
    padding: tuple[int, int] = (0, 0),
    fir_gain: float = 1.0,
    slope: float = 0.2,
    gain: float = SQRT2,
    clamp: float | None = None,
) -> Tensor:
    """`bias_act(upfirdn2d(x, taps, padding=padding, gain=fir_gain), b, scale, noise, slope, gain, clamp)`, in one pass.

    Returns [N, C, H', W'] with `H' = H + sum(padding) - K + 1`. `blur_act_reference` is the definition.
    """
    if use_native(x):
        form = ([*padding, *padding], fir_gain, slope, gain, clamp)
        return torch.ops.cuda_ops.blur_act(x, taps, b, scale, noise, *form)
    return blur_act_reference(x, taps, b, scale, noise, padding, fir_gain, slope, gain, clamp)


def blur_act_reference(
    x: Tensor,
    taps: Tensor,
    b: Tensor | None = None,
    scale: Tensor | None = None,
    noise: Tensor | None = None,
    padding: tuple[int, int] = (0, 0),
    fir_gain: float = 1.0,
    slope: float = 0.2,
    gain: float = SQRT2,
    clamp: float | None = None,
) -> Tensor:
    """The plain-torch twin of `blur_act`."""
    blurred = upfirdn2d_reference(x, taps, padding=padding, gain=fir_gain)
    return bias_act_reference(blurred, b, scale, noise, slope, gain, clamp)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.padding, ctx.fir_gain, ctx.slope, ctx.gain, ctx.clamp = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Filters again, because the filtered picture was never written."""
    x, taps, *terms = ctx.saved_tensors
    blurred = torch.ops.cuda_ops.upfirdn2d(x, taps, 1, 1, ctx.padding, ctx.fir_gain)
    through, *rest = gradients(ctx, grad, blurred, *terms)
    around = [len(taps) - 1 - pad for pad in ctx.padding]
    dx = torch.ops.cuda_ops.upfirdn2d(through, taps.flip(0), 1, 1, around, ctx.fir_gain)
    return dx, None, *rest, None, None, None, None, None


def _fake(x: Tensor, taps: Tensor, b: Any, scale: Any, noise: Any, padding: list[int], *_: Any) -> Tensor:
    left, right, top, bottom = padding
    shrink = len(taps) - 1
    return empty(x, *x.shape[:2], x.shape[2] + top + bottom - shrink, x.shape[3] + left + right - shrink)


register_op("blur_act", _fake, _keep, _backward)
