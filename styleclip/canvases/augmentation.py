"""Random perspective and crop of images before CLIP sees them, as one bilinear resampling, from a seeded generator.

CLIPasso, CLIPDraw and CLIPstyler augment this way: CLIP judges a drawing rightly only where small changes of the view
do not matter. The same transforms applied to two images keep them comparable.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WHITE = 1.0  # of images in [-1, 1]
CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))  # of an image, in fractions of its width and height


def random_perspectives(count: int, generator: torch.Generator, distortion: float = 0.5) -> Tensor:
    """Random transforms [count, 3, 3]: every corner moves inwards by up to half of `distortion` of each side.

    The distribution of torchvision's `RandomPerspective(p=1)`. A transform takes a point (x, y, 1) of the output, in
    fractions of its width and height, to the point of the input that is shown there.
    """
    corners = torch.tensor(CORNERS)
    moved = corners + (1 - 2 * corners) * 0.5 * distortion * torch.rand(count, 4, 2, generator=generator)
    return _homographies(moved, corners.expand_as(moved))


def random_crops(count: int, generator: torch.Generator, scale: tuple[float, float]) -> Tensor:
    """Random transforms [count, 3, 3] that show a part of an image, of its shape and this share of its area.

    The distribution of torchvision's `RandomResizedCrop` for square images and the ratio 1.
    """
    area = scale[0] + (scale[1] - scale[0]) * torch.rand(count, generator=generator)
    side = area.sqrt()
    corner = (1 - side)[:, None] * torch.rand(count, 2, generator=generator)
    transforms = torch.zeros(count, 3, 3)
    transforms[:, 0, 0] = transforms[:, 1, 1] = side
    transforms[:, :2, 2], transforms[:, 2, 2] = corner, 1.0
    return transforms


def random_views(count: int, generator: torch.Generator, distortion: float, scale: tuple[float, float]) -> Tensor:
    """Random transforms [count, 3, 3]: a perspective, then a crop."""
    return random_perspectives(count, generator, distortion) @ random_crops(count, generator, scale)


def center_on_square(images: Tensor, fill: float) -> Tensor:
    """Images [..., H, W] in the middle of a square of `fill` as large as their longer side."""
    height, width = images.shape[-2:]
    side = max(height, width)
    x, y = side - width, side - height
    return F.pad(images, (x // 2, x - x // 2, y // 2, y - y // 2), value=fill)


def warp(images: Tensor, transforms: Tensor, fill: float = -1.0, size: tuple[int, int] | None = None) -> Tensor:
    """Images [N, C, H, W], each resampled by its transform [N, 3, 3]; outside of an image is `fill` (-1 is black).

    To apply first `a`, then `b`, the transform is `a @ b`. `size` is the height and width of the output, by default
    those of the images.
    """
    count, (height, width) = len(images), size or images.shape[-2:]
    x = (torch.arange(width, device=images.device) + 0.5) / width
    y = (torch.arange(height, device=images.device) + 0.5) / height
    points = torch.stack([x.expand(height, width), y[:, None].expand(height, width), torch.ones_like(x + y[:, None])])
    found = transforms.to(images) @ points.to(images).flatten(1)  # [N, 3, H * W]
    grid = 2 * found[:, :2] / found[:, 2:].clamp(min=1e-6) - 1
    grid = grid.transpose(1, 2).reshape(count, height, width, 2)
    return F.grid_sample(images - fill, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + fill


def _homographies(start: Tensor, end: Tensor) -> Tensor:
    """The transforms [N, 3, 3] that take four points each [N, 4, 2] to four others."""
    x, y, (u, v) = start[..., 0], start[..., 1], end.unbind(dim=-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    rows_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    rows_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    solution = torch.linalg.solve(torch.cat([rows_u, rows_v], dim=1), torch.cat([u, v], dim=1))
    return F.pad(solution, (0, 1), value=1.0).reshape(-1, 3, 3)
