"""StyleGAN2's generator in plain torch, as published: every image is convolved with its own modulated weights."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.networks.generator import Generator
from styleclip.networks.layers import FIR_TAPS


def trainable_copy(generator: Generator) -> Generator:
    """A copy in float32 with trainable weights."""
    copy = Generator(generator.config)
    copy.load_state_dict(generator.state_dict())
    return copy.eval().to(generator.w_avg.device)


def render(generator: Generator, w_plus: Tensor) -> Tensor:
    """Render W+ [N, num_ws, w_dim] with `generator`: images [N, 3, R, R]."""
    affines = {entry: generator.synthesis.get_submodule(f"{entry.name}.affine") for entry in generator.layout.entries}
    styles = {entry.name: affine(w_plus[:, entry.ws_index]) for entry, affine in affines.items()}
    return render_styles(generator, styles)


def render_styles(generator: Generator, styles: dict[str, Tensor]) -> Tensor:
    """Render the styles [N, C_i] of every layer: images [N, 3, R, R]."""
    synthesis: Any = generator.synthesis
    image: Any = None
    x = synthesis.b4.const.expand(len(next(iter(styles.values()))), -1, -1, -1)
    for entry in generator.layout.entries:
        layer = synthesis.get_submodule(entry.name)
        weight = modulate(layer.weight, styles[entry.name])
        if entry.is_torgb:
            colour = convolve(x, weight) + layer.bias[:, None, None]
            image = colour if image is None else colour + fir(insert_zeros(image), (2, 1))
        else:
            x = convolve(x, demodulate(weight), layer.up)
            x = x + layer.noise_strength * layer.noise_const
            x = F.leaky_relu(x + layer.bias[:, None, None], 0.2) * math.sqrt(2)
    return cast(Tensor, image)


def modulate(weight: Tensor, styles: Tensor) -> Tensor:
    """`w'_ijk = s_i * w_ijk` for every image, with equalised learning rate (StyleGAN2, equation 1): [N, O, I, k, k]."""
    return weight / math.sqrt(weight[0].numel()) * styles[:, None, :, None, None]


def demodulate(weight: Tensor) -> Tensor:
    """`w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + 1e-8)` (StyleGAN2, equation 3)."""
    return weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)


def convolve(x: Tensor, weight: Tensor, up: bool = False) -> Tensor:
    """Convolve each image with its own weight [N, O, I, k, k], as the groups of one convolution.

    Returns [N, O, H, W], or [N, O, 2H, 2W] with `up`.
    """
    if up:
        count, x = len(x), x.reshape(1, -1, *x.shape[2:])  # [1, N * I, H, W]
        y = F.conv_transpose2d(x, weight.transpose(1, 2).flatten(0, 1), stride=2, groups=count)
        return fir(y.unflatten(1, (count, -1))[0], (1, 1))
    return convolve_per_image(x, weight, weight.shape[-1] // 2)


def convolve_per_image(x: Tensor, weight: Tensor, padding: int) -> Tensor:
    """[N, I, H, W], [N, O, I, k, k] -> [N, O, H', W']."""
    count, x = len(x), x.reshape(1, -1, *x.shape[2:])  # [1, N * I, H, W]
    return F.conv2d(x, weight.flatten(0, 1), padding=padding, groups=count).unflatten(1, (count, -1))[0]


def fir(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """The low-pass filter after upsampling, 4 x 4 taps: [N, C, H, W] -> [N, C, H + sum(padding) - 3, ...]."""
    taps = torch.tensor(FIR_TAPS, dtype=x.dtype, device=x.device)
    channels = F.pad(x, padding * 2).flatten(0, 1)[:, None]  # [N * C, 1, H, W]
    return F.conv2d(channels, 4 * torch.outer(taps, taps)[None, None]).unflatten(0, x.shape[:2])[:, :, 0]


def insert_zeros(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, 2H, 2W] with a zero to the right of and below every pixel."""
    return F.pad(x[:, :, :, None, :, None], (0, 1, 0, 0, 0, 1)).flatten(4, 5).flatten(2, 3)
