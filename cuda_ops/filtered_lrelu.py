"""Bias, upsampling, leaky ReLU and downsampling between low-pass filters (StyleGAN3, Karras et al. 2021, figure 4b)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

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
    return filtered_lrelu_reference(x, bias, scale, up_filter, down_filter, up, down, padding, gain, slope, clamp)


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
