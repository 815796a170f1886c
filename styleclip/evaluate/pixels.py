"""Measures of pictures [N, 3, H, W] in [-1, 1] by their pixels: differences in 1/255, halo and gamut."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 255 / 2  # of 1/255, in one unit of a picture
EDGE = 1 / 64  # of the side of a picture: how far the generator's edges may lie aside of the renderer's
MIN_HALO_PIXELS = 16  # a background of fewer pixels has no halo: the fit alone takes 4 numbers a channel


def difference(one: Tensor, other: Tensor) -> Tensor:
    """[N, H, W]: mean over the channels of the absolute difference, in 1/255."""
    return (one - other).abs().mean(dim=1) * LEVELS


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """[N]: the mean of [N, H, W] over the pixels of a mask [N, H, W]; 0 where it has none."""
    return (values * mask).flatten(1).sum(dim=1) / mask.flatten(1).sum(dim=1).clamp(min=1)


def halo(images: Tensor, background: Tensor) -> Tensor:
    """[N]: how uneven the pixels of a mask [N, H, W] are, r.m.s. in 1/255.

    The renderer's vignette does not count: a least-squares fit of 1, x, y and x^2 + y^2 to each channel is taken off.
    """
    size = images.shape[-1]
    x = ((torch.arange(size) + 0.5) / size * 2 - 1).expand(size, size)
    terms = torch.stack([torch.ones_like(x), x, x.T, x.square() + x.T.square()], dim=-1)  # [H, W, 4]
    return torch.stack(
        [_residual(image[:, mask].T, terms[mask]) for image, mask in zip(images, background, strict=True)]
    )


def chroma(images: Tensor) -> Tensor:
    """[N, H, W]: the largest less the smallest of red, green and blue."""
    return images.amax(dim=1) - images.amin(dim=1)


def gamut(images: Tensor, limit: Tensor) -> Tensor:
    """[N]: per cent of the pixels whose chroma is above the limit [H, W] of their place."""
    return (chroma(images) > limit).flatten(1).float().mean(dim=1) * 100


def erode(mask: Tensor) -> Tensor:
    """[N, H, W] bool: the pixels of a mask without those within EDGE of its border."""
    return dilate((~mask).float()) == 0


def dilate(values: Tensor) -> Tensor:
    """[N, H, W]: the largest value within EDGE of each pixel, 1 px at 64 px, by columns and rows."""
    margin = max(1, round(EDGE * values.shape[-1]))
    return F.max_pool2d(values[:, None], 2 * margin + 1, stride=1, padding=margin)[:, 0]


def _residual(values: Tensor, terms: Tensor) -> Tensor:
    """r.m.s. in 1/255 of values [P, 3] less their fit by terms [P, 4]."""
    if len(values) < MIN_HALO_PIXELS:
        return torch.zeros(())
    values, terms = values.double(), terms.double()
    rest = values - terms @ torch.linalg.lstsq(terms, values).solution
    return rest.square().mean().sqrt().float() * LEVELS
