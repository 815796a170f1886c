"""Crop and resize as two matrix products: differentiable, exact at any resolution.

Resizing is linear and separable, so resizing the columns of the identity gives its matrix. The inputs of several
networks are computed from an image in one pass, without an intermediate larger than the image.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Mode = Literal["bicubic", "bilinear", "area", "pool"]


@dataclass(frozen=True)
class ResizeCrop:
    """A crop and resize of images [N, 3, H, W] to [N, 3, S, T]: `rows @ image @ columns^T`."""

    rows: Tensor  # [S, H]
    columns: Tensor  # [T, W]


def apply_resizes(image: Tensor, *resizes: ResizeCrop | None) -> list[Tensor]:
    """The images [N, 3, H, W] after each of these crops and resizes; None is the identity."""
    chosen = [each for each in resizes if each is not None]
    if not chosen:
        return [image] * len(resizes)
    columns = [each.columns.to(image) for each in chosen]
    across = iter((image @ torch.cat(columns).T).split([len(each) for each in columns], dim=-1))
    return [image if each is None else each.rows.to(image) @ next(across) for each in resizes]


def center_resize(image: Tensor, size: int, mode: Mode) -> ResizeCrop | None:
    """The central square of an image at size x size px; None where no resize is needed."""
    height, width = image.shape[-2:]
    return None if height == width == size else _center_resize(height, width, size, mode, image.device)


@functools.lru_cache(maxsize=32)
def _center_resize(height: int, width: int, size: int, mode: Mode, device: torch.device) -> ResizeCrop:
    side = min(height, width)
    matrix = resize_matrix(side, size, mode)
    top, left = (height - side) // 2, (width - side) // 2
    rows, columns = (F.pad(matrix, (start, length - side - start)) for start, length in ((top, height), (left, width)))
    return ResizeCrop(rows.float().to(device), columns.float().to(device))


@functools.lru_cache(maxsize=32)
def resize_matrix(source: int, size: int, mode: Mode) -> Tensor:
    """The matrix [size, source] of a resize, in float64.

    `bicubic` and `bilinear` are antialiased, `pool` is adaptive average pooling over whole pixels, and `area` weights
    the pixels at the borders by their overlap.
    """
    identity = torch.eye(source, dtype=torch.float64)
    if mode == "pool":
        return F.adaptive_avg_pool2d(identity[None], (size, source))[0]
    if mode != "area":
        return F.interpolate(identity[None, None], (size, source), mode=mode, antialias=True)[0, 0]
    edges = torch.arange(size + 1, dtype=torch.float64) * source / size
    pixels = torch.arange(source, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return overlap.clamp(min=0) * size / source
