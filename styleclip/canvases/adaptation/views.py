"""Views of images: warped by a perspective, cropped, and half of them mirrored, the same for child and parent.

A change that CLIP sees from one view alone, such as hair that is red on one side, lowers the loss of no other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.canvases.augmentation import random_views, warp

DISTORTION = 0.3  # of the perspective
AREA = (0.7, 1.0)  # of a crop
MIRROR = ((-1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def mirrored_views(count: int, random: torch.Generator) -> Tensor:
    """Random transforms [count, 3, 3], as `warp` takes them."""
    transforms = random_views(count, random, DISTORTION, AREA)
    is_mirrored = torch.rand(count, generator=random) < 0.5
    return torch.where(is_mirrored[:, None, None], transforms @ torch.tensor(MIRROR), transforms)


def with_views(images: Tensor, transforms: Tensor) -> Tensor:
    """Images [N, C, H, W], and behind them their views, of which each image gets the same number."""
    if not len(transforms):
        return images
    return torch.cat([images, warp(images.repeat(len(transforms) // len(images), 1, 1, 1), transforms)])
