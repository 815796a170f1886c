"""StyleGAN3's synthesis in plain torch, as published: every image has its own weights, every layer four steps.

The steps behind a convolution are bias, upsampling, activation and downsampling (StyleGAN3, Karras et al. 2021, figure
4b). Each makes a whole picture, and every filter is a convolution of a picture with the zeros inserted.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.published_stylegan2 import convolve_per_image
from styleclip.networks.generator import Generator


def render(generator: Generator, w_plus: Tensor) -> Tensor:
    """Render W+ [N, num_ws, w_dim] with `generator`: images [N, 3, R, R]."""
    synthesis: Any = generator.synthesis
    first, *entries = generator.layout.entries
    x = synthesis.input(synthesis.input.affine(w_plus[:, first.ws_index]))
    for entry in entries:
        layer = synthesis.get_submodule(entry.name)
        styles = layer.affine(w_plus[:, entry.ws_index])
        gain = torch.rsqrt(layer.magnitude_ema)
        if entry.is_torgb:
            weight = layer.weight * (styles / math.sqrt(layer.weight.shape[1]))[:, None, :, None, None] * gain
            x = convolve_per_image(x, weight, 0) + layer.bias[:, None, None]
            x = x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)
        else:
            x = convolve_per_image(x, modulate(layer.weight, styles) * gain, layer.weight.shape[-1] - 1)
            x = filtered_lrelu(layer, x)
    return x * synthesis.output_scale


def modulate(weight: Tensor, styles: Tensor) -> Tensor:
    """The weight of every image, demodulated: [O, I, k, k], [N, I] -> [N, O, I, k, k]."""
    weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
    styles = styles * styles.square().mean().rsqrt()
    modulated = weight * styles[:, None, :, None, None]
    return modulated * (modulated.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()


def filtered_lrelu(layer: Any, x: Tensor) -> Tensor:
    """Bias, upsampling, leaky ReLU with gain and clamp, downsampling."""
    up, down, (before, after) = layer.shape.up, layer.shape.down, layer.shape.padding
    x = x + layer.bias[:, None, None]
    x = fir(F.pad(insert_zeros(x, up), (before, after, before, after)), layer.up_filter, up**2)
    x = F.leaky_relu(x, 0.2) * math.sqrt(2)
    x = x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)
    return fir(x, layer.down_filter, 1)[:, :, ::down, ::down]


def insert_zeros(x: Tensor, up: int) -> Tensor:
    """[N, C, H, W] -> [N, C, H * up, W * up]."""
    n, c, h, w = x.shape
    return F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)


def fir(x: Tensor, taps: Tensor, gain: float) -> Tensor:
    """A filter along both axes, or a radial one, on every channel: [N, C, H, W]."""
    channels = x.shape[1]
    if taps.ndim == 2:
        return F.conv2d(x, (gain * taps.flip(0, 1)).expand(channels, 1, -1, -1), groups=channels)
    flipped = (math.sqrt(gain) * taps.flip(0)).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(x, flipped.transpose(2, 3), groups=channels), flipped, groups=channels)
