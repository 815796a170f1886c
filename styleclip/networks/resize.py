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

from styleclip.images import to_rgb
from styleclip.runtime.image_by_image import splits

BLACK = -1.0  # of images in [-1, 1]

Mode = Literal["bicubic", "bilinear", "area", "pool"]


@dataclass(frozen=True)
class ResizeCrop:
    """A crop and resize of images [N, 3, H, W] to [N, 3, S, T]: `rows @ image @ columns^T + border`."""

    rows: Tensor  # [S, H]
    columns: Tensor  # [T, W]
    border: Tensor | None = None  # [S, T], the share of the black border; None without one


def apply_resizes(image: Tensor, *resizes: ResizeCrop | None) -> list[Tensor]:
    """The images of a generator [N, 1..4, H, W] in RGB after each of these crops and resizes; None is the identity."""
    if splits(image):
        each = [apply_resizes(row, *resizes) for row in image.split(1)]
        return [torch.cat(rows) for rows in zip(*each, strict=True)]
    image = to_rgb(image)
    chosen = [each for each in resizes if each is not None]
    if not chosen:
        return [image] * len(resizes)
    columns = [each.columns.to(image) for each in chosen]
    across = iter((image @ torch.cat(columns).T).split([len(each) for each in columns], dim=-1))
    return [image if each is None else _finish_resize(each, next(across)) for each in resizes]


def _finish_resize(resize: ResizeCrop, across: Tensor) -> Tensor:
    """The resized image, from the image times the columns."""
    resized = resize.rows.to(across) @ across
    return resized if resize.border is None else resized + resize.border.to(across)


def ratio_resize(image: Tensor, longer: int, mode: Mode) -> ResizeCrop | None:
    """The whole image with its ratio and a longer side of `longer` px; None where no resize is needed."""
    height, width = image.shape[-2:]
    return None if max(height, width) == longer else _ratio_resize(height, width, longer, mode, image.device)


@functools.lru_cache(maxsize=32)
def _ratio_resize(height: int, width: int, longer: int, mode: Mode, device: torch.device) -> ResizeCrop:
    factor = longer / max(height, width)
    rows, columns = (resize_matrix(side, max(1, round(side * factor)), mode) for side in (height, width))
    return ResizeCrop(rows.float().to(device), columns.float().to(device))


def square_resize(image: Tensor, size: int, mode: Mode) -> ResizeCrop | None:
    """The whole image, centred on a black square where it is none, at size x size px; None where no resize is needed.

    StyleCLIP's relevance table of StyleGAN-Human (1024 x 512) was made in this way.
    """
    height, width = image.shape[-2:]
    return None if height == width == size else _square_resize(height, width, size, mode, image.device)


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)
def _square_resize(height: int, width: int, size: int, mode: Mode, device: torch.device) -> ResizeCrop:
    matrix = resize_matrix(max(height, width), size, mode)
    return resize_from_square(matrix, matrix, height, width, device)


def resize_from_square(rows: Tensor, columns: Tensor, height: int, width: int, device: torch.device) -> ResizeCrop:
    """The resize of images [N, 3, H, W] by the matrices [S, L] and [T, L] of one of squares of L = max(H, W) px.

    The image is centred on a black square. The rows of both matrices sum to 1, so the black border adds
    `BLACK (1 - r c^T)`, where r [S] and c [T] are the sums over the pixels of the image.
    """
    lengths, border = ((rows, height), (columns, width)), None
    inside = [matrix[:, (matrix.shape[1] - length) // 2 :][:, :length] for matrix, length in lengths]
    if height != width:
        outside = 1 - torch.outer(inside[0].sum(dim=1), inside[1].sum(dim=1))
        border = (BLACK * outside).float().to(device)
    return ResizeCrop(inside[0].float().to(device), inside[1].float().to(device), border)


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)
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
