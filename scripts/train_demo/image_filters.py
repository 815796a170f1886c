"""Image filters that styles.py is built of. Lengths are pixels of a picture 64 px wide, and grow with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def gray(images: Tensor) -> Tensor:
    """The luma [N, 1, H, W] of images [N, 3, H, W]."""
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)


def saturate(images: Tensor, amount: float) -> Tensor:
    """The images with colours `amount` times as far from their luma."""
    tone = gray(images)
    return (tone + amount * (images - tone)).clamp(0, 1)


def blur(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur; borders are mirrored."""
    channels, height, width = images.shape[1:]
    sigma = sigma * width / 64
    reach = min(max(1, round(2.5 * sigma)), height - 1, width - 1)
    taps = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.softmax(-taps.square() / (2 * sigma**2), dim=0)
    rows, columns = (kernel.view(shape).expand(channels, *shape[1:]) for shape in ((1, 1, -1, 1), (1, 1, 1, -1)))
    padded = F.pad(images, (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, rows, groups=channels), columns, groups=channels)


def edge_strength(images: Tensor, sigma: float) -> Tensor:
    """The largest Sobel gradient of the colour channels after a blur, in 0..1: [N, 1, H, W]."""
    smooth = F.pad(blur(images, sigma), (1, 1, 1, 1), mode="replicate").transpose(0, 1).flatten(0, 1)[:, None]
    slope = images.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
    gradients = F.conv2d(smooth, torch.stack([slope, slope.T])[:, None])
    strength = gradients.square().sum(dim=1).sqrt().unflatten(0, (images.shape[1], len(images))).amax(dim=0)
    return (2.2 * strength * images.shape[-1] / 64)[:, None].clamp(0, 1)


def xdog(tone: Tensor, sigma: float, sharpness: float, threshold: float) -> Tensor:
    """The extended difference of Gaussians (Winnemoeller et al. 2012) of tones [N, 1, H, W]: 1 on paper, 0 on lines."""
    narrow, wide = blur(tone, sigma), blur(tone, 1.6 * sigma)
    sharp = narrow + sharpness * (narrow - wide)
    limit = threshold * blur(tone, 6.0)
    return torch.where(sharp >= limit, 1.0, 1 + torch.tanh(6 * (sharp - limit)))


def kuwahara(images: Tensor, radius: int) -> Tensor:
    """The Kuwahara filter: each pixel takes the mean of that quadrant around it whose luma varies least."""
    radius = max(1, round(radius * images.shape[-1] / 64))
    channels = torch.cat([images, gray(images), gray(images).square()], dim=1)
    padded = F.pad(channels, (radius,) * 4, mode="replicate")
    boxes = F.avg_pool2d(padded, radius + 1, stride=1)  # [N, 5, H + r, W + r]
    height, width = images.shape[-2:]
    corners = [boxes[..., i : i + height, j : j + width] for i in (0, radius) for j in (0, radius)]
    quadrants = torch.stack(corners)  # [4, N, 5, H, W]
    variance = quadrants[:, :, 4] - quadrants[:, :, 3].square()
    calmest = variance.argmin(dim=0)[None, :, None].expand(1, -1, 3, -1, -1)
    return quadrants[:, :, :3].gather(0, calmest)[0]


def smooth_noise(images: Tensor, sigma: float, grain: torch.Generator) -> Tensor:
    """Blurred noise of unit variance [N, 1, H, W], for images [N, C, H, W]."""
    n, _, height, width = images.shape
    noise = blur(torch.randn(n, 1, height, width, generator=grain).to(images), sigma)
    return noise / noise.std()
