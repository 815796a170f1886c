"""Upsample, filter and downsample an image (StyleGAN2, Karras et al. 2020; the FIR resampling of Zhang 2019)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops._backend import use_native
from cuda_ops._register import empty, register_op


def upfirdn2d(
    x: Tensor,  # [N, C, H, W]
    taps: Tensor,  # [K] separable filter, applied along both axes
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] = (0, 0),
    gain: float = 1.0,
) -> Tensor:
    """Insert `up - 1` zeros after every pixel, pad, correlate with the flipped filter, keep every `down`-th pixel.

    `padding` is (before, after) for both axes, in upsampled pixels; negative values crop. Returns
    [N, C, H', W'] with `H' = (H * up + sum(padding) - K) // down + 1`. `upfirdn2d_reference` is the definition.
    """
    if use_native(x):
        return torch.ops.cuda_ops.upfirdn2d(x, taps, up, down, [*padding, *padding], gain)
    return upfirdn2d_reference(x, taps, up, down, padding, gain)


def upfirdn2d_reference(
    x: Tensor,
    taps: Tensor,
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] = (0, 0),
    gain: float = 1.0,
) -> Tensor:
    """The plain-torch twin of `upfirdn2d`."""
    if up > 1:
        x = _insert_zeros(x, up)
    if any(padding):
        x = F.pad(x, (*padding, *padding))
    exact = taps.double()
    flipped = (gain * torch.outer(exact, exact)).flip(0, 1).to(x)
    channels = x.shape[1]
    return F.conv2d(x, flipped.expand(channels, 1, -1, -1).contiguous(), stride=down, groups=channels)


def _insert_zeros(x: Tensor, up: int) -> Tensor:
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1))
    return x.reshape(n, c, h * up, w * up)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, taps, ctx.up, ctx.down, ctx.padding, ctx.gain = inputs
    ctx.save_for_backward(taps)
    ctx.sizes, ctx.out = x.shape[:1:-1], output.shape[:1:-1]  # W, H


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """The transpose of zeros, filter, decimation is zeros, flipped filter, decimation, with up and down exchanged."""
    (taps,) = ctx.saved_tensors
    padding: list[int] = []
    for size, out, before in zip(ctx.sizes, ctx.out, ctx.padding[::2], strict=True):
        padding += [len(taps) - 1 - before, size * ctx.up - out * ctx.down + before - ctx.up + 1]
    dx = torch.ops.cuda_ops.upfirdn2d(grad, taps.flip(0), ctx.down, ctx.up, padding, ctx.gain)
    return dx, None, None, None, None, None


def _fake(x: Tensor, taps: Tensor, up: int, down: int, padding: list[int], gain: float) -> Tensor:
    left, right, top, bottom = padding
    rows = (x.shape[2] * up + top + bottom - len(taps)) // down + 1
    columns = (x.shape[3] * up + left + right - len(taps)) // down + 1
    return empty(x, *x.shape[:2], rows, columns)


register_op("upfirdn2d", _fake, _keep, _backward)
