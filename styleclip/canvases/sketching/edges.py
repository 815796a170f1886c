"""The line drawing of a picture: extended differences of Gaussians (XDoG, Winnemöller et al. 2012)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EDGES_PX = 224  # side of the picture that lines are found in
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey
SIGMA, RATIO = 0.8, 10.0  # CLIPasso's: standard deviation of the narrower Gaussian, px; the other is so much wider
GAMMA, PHI, EPSILON = 0.98, 200.0, -0.1  # CLIPasso's, for pictures in about [-1, 1]
THIN_SIGMA, THIN_RATIO, THIN_EPSILON = 2.0, 1.6, -0.045  # of thin lines, which strokes can follow
TRUNCATE = 4.0  # standard deviations after which a Gaussian ends
BINS = 256  # of the histogram for the threshold


def find_lines(picture: Tensor) -> Tensor:
    """The lines [N, 1, 224, 224] of pictures [N, 3, H, W] in [-1, 1]: 1 on a line, else 0, by XDoG and Otsu."""
    ink = 1 - xdog(_grey(_resized(picture)))
    return torch.stack([(each > otsu_threshold(each)).float() for each in ink])


def find_thin_lines(picture: Tensor) -> Tensor:
    """Thinner lines [N, 1, 224, 224], also between colours that are equally light: 1 on a line, else 0.

    Those of a difference of Gaussians in red, in green, in blue or in grey.
    """
    sized = _resized(picture)
    channels = torch.cat([sized, _grey(sized)], dim=1)
    count = len(channels)
    flat = channels.flatten(0, 1)[:, None]
    difference = blur(flat, THIN_SIGMA) - blur(flat, THIN_RATIO * THIN_SIGMA)
    return (difference < THIN_EPSILON).float().view(count, -1, EDGES_PX, EDGES_PX).amax(dim=1, keepdim=True)


def xdog(grey: Tensor) -> Tensor:
    """XDoG of grey pictures [N, 1, H, W]: 1 + tanh(phi (u - eps)) where u = G(sigma) - gamma G(k sigma) < eps, else 1.

    CLIPasso's form; values are in [0, 1], and dark where a picture is darker than its surroundings.
    """
    difference = blur(grey, SIGMA) - GAMMA * blur(grey, RATIO * SIGMA)
    return torch.where(difference < EPSILON, 1 + torch.tanh(PHI * (difference - EPSILON)), 1.0)


def _resized(picture: Tensor) -> Tensor:
    return F.interpolate(picture, (EDGES_PX, EDGES_PX), mode="bicubic", antialias=True)


def _grey(picture: Tensor) -> Tensor:
    return (picture * picture.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def blur(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of images [N, 1, H, W], whose borders are repeated outwards."""
    radius = max(1, round(TRUNCATE * sigma))
    x = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (x / sigma).square())
    kernel = kernel / kernel.sum()
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def otsu_threshold(values: Tensor) -> float:
    """The threshold between two classes with the largest variance between them (Otsu 1979)."""
    low, high = values.min().item(), values.max().item()
    if low == high:
        return high
    counts = torch.histc(values.double().cpu(), BINS, low, high)
    centres = low + (torch.arange(BINS, dtype=torch.float64) + 0.5) * (high - low) / BINS
    weight, mass = counts.cumsum(0), (counts * centres).cumsum(0)
    below, above = mass / weight.clamp(min=1), (mass[-1] - mass) / (weight[-1] - weight).clamp(min=1)
    between = weight * (weight[-1] - weight) * (below - above).square()
    best = between == between.max()  # a plateau where bins are empty: its middle
    return float(centres[best].mean() + (high - low) / (2 * BINS))
