"""Tiny generators of pictures that are not square or not RGB, and their forward pass in plain torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.networks.stylegan2 import StyleGAN2Config
from tests.helpers.tiny import TINY

SHAPES: dict[str, StyleGAN2Config] = {
    "tall": replace(TINY, constant=(4, 2)),
    "wide": replace(TINY, constant=(3, 5)),
    "grey": replace(TINY, img_channels=1),
    "grey and alpha": replace(TINY, img_channels=2),
    "RGBA": replace(TINY, img_channels=4),
    "tall RGBA": replace(TINY, constant=(8, 4), img_channels=4),
}
FIR = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def naive_image(tensors: Mapping[str, Tensor], w: Tensor, resolutions: tuple[int, ...]) -> Tensor:
    """The picture [1, C, H, W] of w [w_dim] by equations 1 to 3 of StyleGAN2, filter by filter: in plain torch."""
    t = {name.removeprefix("synthesis."): tensor.double() for name, tensor in tensors.items()}
    x, image = t["b4.const"][None], None
    for resolution in resolutions:
        if resolution > 4:
            x = _styled(t, f"b{resolution}.conv0", x, w, up=True)
        x = _styled(t, f"b{resolution}.conv1", x, w)
        name = f"b{resolution}.torgb"
        weight = t[f"{name}.weight"] * (_style(t, name, w) / math.sqrt(x.shape[1]))[None, :, None, None]
        rgb = F.conv2d(x, weight) + t[f"{name}.bias"][None, :, None, None]
        image = rgb if image is None else rgb + _filter(_stuff(image), pad=(2, 1), gain=4)
    assert image is not None
    return image


def _styled(t: Mapping[str, Tensor], name: str, x: Tensor, w: Tensor, up: bool = False) -> Tensor:
    weight = t[f"{name}.weight"] * _style(t, name, w)[None, :, None, None]
    weight = weight * (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).rsqrt()
    if up:
        y = _filter(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), pad=(1, 1), gain=4)
    else:
        y = F.conv2d(x, weight, padding=1)
    y = y + t[f"{name}.noise_const"] * t[f"{name}.noise_strength"] + t[f"{name}.bias"][None, :, None, None]
    return F.leaky_relu(y, 0.2) * math.sqrt(2)


def _style(t: Mapping[str, Tensor], name: str, w: Tensor) -> Tensor:
    return t[f"{name}.affine.weight"] @ w / math.sqrt(len(w)) + t[f"{name}.affine.bias"]


def _stuff(x: Tensor) -> Tensor:
    """Zeros between the pixels."""
    height, width = x.shape[2:]
    stuffed = x.new_zeros(*x.shape[:2], 2 * height, 2 * width)
    stuffed[:, :, ::2, ::2] = x
    return stuffed


def _filter(x: Tensor, pad: tuple[int, int], gain: float) -> Tensor:
    taps = gain * torch.outer(FIR, FIR).to(x)
    return F.conv2d(F.pad(x, pad * 2), taps.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])
