"""Bias, upsampling, leaky ReLU and downsampling between low-pass filters (StyleGAN3, Karras et al. 2021, figure 4b)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops._backend import use_native
from cuda_ops._register import empty, register_op
from cuda_ops.bias_act import SQRT2, bias_act_reference


def filtered_lrelu(
    x: Tensor,  # [N, C, H, W]
    bias: Tensor | None = None,  # [C]
    scale: Tensor | None = None,  # [N, C]
    up_filter: Tensor | None = None,  # [K] separable or [K, K]
    down_filter: Tensor | None = None,  # [L] separable or [L, L]
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] = (0, 0),
    gain: float = SQRT2,
    slope: float = 0.2,
    clamp: float | None = None,
) -> Tensor:
    """`down(clamp(gain * leaky_relu(up(x * scale + bias))))`. `filtered_lrelu_reference` is the definition.

    `up(x)` inserts `up - 1` zeros after every pixel, pads or crops by `padding` (before, after; both axes, in
    upsampled pixels), convolves with `up_filter` and multiplies by `up**2`. `down(x)` convolves with `down_filter` and
    keeps every `down`-th pixel. What is None is left out. Returns [N, C, H', W'] with
    `H' = (H * up + sum(padding) - (K - 1) - L) // down + 1`.
    """
    native = use_native(x) and (up_filter is None or up_filter.ndim == 1)  # the kernels upsample with separable ones
    op = torch.ops.cuda_ops.filtered_lrelu if native else filtered_lrelu_reference
    return op(x, bias, scale, up_filter, down_filter, up, down, padding, gain, slope, clamp)


def filtered_lrelu_reference(
    x: Tensor,
    bias: Tensor | None = None,
    scale: Tensor | None = None,
    up_filter: Tensor | None = None,
    down_filter: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] = (0, 0),
    gain: float = SQRT2,
    slope: float = 0.2,
    clamp: float | None = None,
) -> Tensor:
    """The plain-torch twin of `filtered_lrelu`."""
    y = bias_act_reference(x, bias, scale, slope=1, gain=1)
    y = _convolve(_pad(_insert_zeros(y, up), padding), up_filter, up**2, 1)
    y = bias_act_reference(y, slope=slope, gain=gain, clamp=clamp)
    return _convolve(y, down_filter, 1, down)


def _insert_zeros(x: Tensor, up: int) -> Tensor:
    if up == 1:
        return x
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1))
    return x.reshape(n, c, h * up, w * up)


def _pad(x: Tensor, padding: tuple[int, int]) -> Tensor:
    return F.pad(x, (*padding, *padding)) if any(padding) else x


def _convolve(x: Tensor, taps: Tensor | None, gain: float, down: int) -> Tensor:
    """Convolves [N, C, H, W] with `gain * taps` where the filter lies inside, and keeps every `down`-th pixel."""
    if taps is None:
        return (x * gain if gain != 1 else x)[:, :, ::down, ::down]
    kernel = taps.double().flip([*range(taps.ndim)])  # conv2d correlates
    channels = x.shape[1]
    if taps.ndim == 2:
        return F.conv2d(x, (kernel * gain).to(x).expand(channels, 1, -1, -1), stride=down, groups=channels)
    row = (kernel * gain).to(x).expand(channels, 1, 1, -1)
    column = kernel.to(x)[:, None].expand(channels, 1, -1, -1)
    return F.conv2d(F.conv2d(x, row, stride=(1, down), groups=channels), column, stride=(down, 1), groups=channels)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.up, ctx.down, ctx.padding, ctx.gain, ctx.slope, ctx.clamp = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Through the transposes of both resamplings, and through v = x * scale + bias."""
    x, bias, scale, up_filter, down_filter = ctx.saved_tensors
    act = up_filter, ctx.up, ctx.padding, ctx.gain, ctx.slope, ctx.clamp
    before, cropped = _taps(down_filter) - 1, _taps(up_filter) - 1 - ctx.padding[0]
    out = _transpose(up_filter), ctx.up, cropped, x.shape[2:]
    dv = torch.ops.cuda_ops.filtered_lrelu_gate(
        grad, _transpose(down_filter), ctx.down, before, x, bias, scale, *act, *out
    )
    dx, (u, ux) = torch.ops.cuda_ops.bias_act_backward(dv, x, None, scale, None, 1.0, 1.0, None)
    return dx, None if bias is None else u.sum(dim=0), None if scale is None else ux, *[None] * 8


def _keep_gate(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    a, a_filter, ctx.a_up, ctx.a_before, x, bias, scale, up_filter, *ctx.act, out_filter, down, before, _ = inputs
    ctx.a_size, ctx.out_down, ctx.out_before = a.shape[2:], down, before
    ctx.save_for_backward(a_filter, x, bias, scale, up_filter, out_filter)


def _backward_gate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """The same function with both resamplings transposed. The derivative of the activation is piecewise constant."""
    a_filter, x, bias, scale, up_filter, out_filter = ctx.saved_tensors
    through = _transpose(out_filter), ctx.out_down, _taps(out_filter) - 1 - ctx.out_before
    out = _transpose(a_filter), ctx.a_up, _taps(a_filter) - 1 - ctx.a_before, ctx.a_size
    da = torch.ops.cuda_ops.filtered_lrelu_gate(grad, *through, x, bias, scale, up_filter, *ctx.act, *out)
    return da, *[None] * 16


def _taps(filter: Tensor | None) -> int:
    return 1 if filter is None else len(filter)


def _transpose(filter: Tensor | None) -> Tensor | None:
    return None if filter is None else filter.flip([*range(filter.ndim)])


def _fake(
    x: Tensor, bias: Any, scale: Any, up_filter: Any, down_filter: Any, up: int, down: int, padding: list[int], *_: Any
) -> Tensor:
    shrink = _taps(up_filter) + _taps(down_filter) - 1 - sum(padding)
    height, width = ((size * up - shrink) // down + 1 for size in x.shape[2:])
    return empty(x, *x.shape[:2], height, width)


def _fake_gate(a: Tensor, a_filter: Any, a_up: int, a_before: int, x: Tensor, *rest: Any) -> Tensor:
    return empty(x, *x.shape[:2], *rest[-1])


register_op("filtered_lrelu", _fake, _keep, _backward)
register_op("filtered_lrelu_gate", _fake_gate, _keep_gate, _backward_gate)
