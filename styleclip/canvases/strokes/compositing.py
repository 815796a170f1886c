"""Translucent colours over each other, in the order of the strokes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def composite(background: Tensor, pixel: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """Paint N pairs of stroke and pixel over a background [3, P]; those of one pixel lie in order of the strokes.

    pixel [N], alpha [N], color [N, 3] -> [3, P].
    """
    result: Tensor = _Over.apply(background.t().contiguous(), pixel, alpha, color)
    return result.t()


class _Over(torch.autograd.Function):
    """`out = out * (1 - alpha) + color * alpha`, layer by layer: a layer has each pixel at most once.

    The backward pass removes the layers again, from the colours that were below them.
    """

    @staticmethod
    def forward(ctx: Any, background: Tensor, pixel: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
        layers = split_layers(pixel)
        out, below = background.clone(), torch.empty_like(color)
        for layer in layers:
            of_layer, part = pixel[layer], alpha[layer, None]
            below[layer] = before = out[of_layer]
            out[of_layer] = torch.lerp(before, color[layer], part)
        ctx.layers = layers
        ctx.save_for_backward(pixel, alpha, color, below)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pixel, alpha, color, below = ctx.saved_tensors
        gradient, of_all = gradients[0].clone(), torch.empty_like(color)
        for layer in reversed(ctx.layers):
            of_layer = pixel[layer]
            of_all[layer] = here = gradient[of_layer]
            gradient[of_layer] = here * (1 - alpha[layer, None])
        return gradient, None, (of_all * (color - below)).sum(dim=-1), of_all * alpha[:, None]


def split_layers(pixel: Tensor) -> list[Tensor]:
    """Indices of the first pair of every pixel, of the second, ..."""
    if not len(pixel):
        return []
    ordered, order = torch.sort(pixel, stable=True)
    index = torch.arange(len(pixel), device=pixel.device)
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    depth = index - torch.cummax(torch.where(is_first, index, 0), dim=0).values
    by_depth = torch.argsort(depth, stable=True)
    return list(order[by_depth].split(torch.bincount(depth).tolist()))
