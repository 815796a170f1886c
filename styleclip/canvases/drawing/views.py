"""CLIP's views of a drawing: random perspectives and crops, with noise where the settings say so."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.canvases.augmentation import WHITE, center_on_square, random_views, warp
from styleclip.canvases.drawing.settings import Drawing

CROP_RANGE = 0.2  # from the smallest to the largest part of a view
COARSE = 8  # cells along a side of the coarse noise


def random_transforms(settings: Drawing, count: int, generator: torch.Generator) -> Tensor:
    """Random transforms [count, 3, 3]: a perspective, then a crop (CLIPDraw)."""
    crops = (settings.least_crop, min(1.0, settings.least_crop + CROP_RANGE))
    return random_views(count, generator, settings.distortion, crops)


def look(picture: Tensor, transforms: Tensor) -> Tensor:
    """Views [V, 3, S, S] of a picture [3, H, W] in the middle of a white square."""
    return warp(center_on_square(picture, WHITE).expand(len(transforms), -1, -1, -1), transforms, fill=WHITE)


def disturb(views: Tensor, settings: Drawing, generator: torch.Generator) -> Tensor:
    """Views with another brightness and contrast of each colour, and with noise of pixels and of COARSE x COARSE cells.

    What CLIP still sees then is made of large forms and not of single pixels. The strength of the noise is random for
    each view, up to that of the settings.
    """
    count = len(views)

    def uniform(channels: int) -> Tensor:
        return torch.rand(count, channels, 1, 1, generator=generator).to(views)

    if settings.jitter:
        views = views * (1 + settings.jitter * (2 * uniform(3) - 1)) + settings.jitter / 2 * (2 * uniform(3) - 1)
    if settings.noise:
        fine = torch.randn(views.shape, generator=generator)
        coarse = torch.randn(count, 3, COARSE, COARSE, generator=generator)
        coarse = F.interpolate(coarse, size=views.shape[-2:], mode="bilinear")
        views = views + settings.noise * uniform(1) * (fine + coarse).to(views)
    return views
