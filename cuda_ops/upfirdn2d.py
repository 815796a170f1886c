"""Upsample, filter and downsample an image (StyleGAN2, Karras et al. 2020; the FIR resampling of Zhang 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cuda_ops._backend import use_native


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
    op = torch.ops.cuda_ops.upfirdn2d if use_native(x) else upfirdn2d_reference
    return op(x, taps, up, down, padding, gain)


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
    flipped = gain * torch.outer(taps, taps).flip(0, 1).to(x)
    channels = x.shape[1]
    return F.conv2d(x, flipped.expand(channels, 1, -1, -1).contiguous(), stride=down, groups=channels)


def _insert_zeros(x: Tensor, up: int) -> Tensor:
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1))
    return x.reshape(n, c, h * up, w * up)
