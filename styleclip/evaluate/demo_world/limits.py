"""The limits of a clean edit, measured on samples without an edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from styleclip.demo.render import background_mask, render
from styleclip.demo.world import faces
from styleclip.evaluate.pixels import chroma, dilate, erode, gamut, halo
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.storage.files import atomic_write
from styleclip.weights.catalog import checkpoint_path

MAX_BACKGROUND = 6.0  # mean absolute change of the background, in 1/255
QUANTILE = 0.99  # of halo and gamut over samples
CHROMA_QUANTILE = 0.999  # of the chroma of renders
SAMPLES, SEED = 1000, 9
FILE = "demo/limits.safetensors"  # made by scripts/train_demo/limits.py
LIMITED = ("bg", "halo", "gamut")  # columns


@dataclass(frozen=True)
class Limits:
    """What a clean edit does not exceed.

    Args:
        bg: change of the background, in 1/255.
        halo: the 99th percentile over samples of the generator.
        gamut: the same of the share of pixels beyond `chroma`, in per cent.
        chroma: [H, W], the 99.9th percentile of the chroma of renders at each place.
    """

    bg: float
    halo: float
    gamut: float
    chroma: Tensor

    def within(self, column: str, values: Tensor) -> Tensor:
        """[N] bool: which values of one of LIMITED do not exceed its limit."""
        limit: float = getattr(self, column)
        return values <= limit

    @staticmethod
    def of(models: Models) -> Limits:
        """The limits of a generator: those of the demo's are in a file; others are measured once, in about 20 s."""
        key = ("evaluation limits", SAMPLES, SEED)
        if key not in models.memo:
            models.memo[key] = load_limits(models) or measure_limits(models)
        limits: Limits = models.memo[key]
        return limits


def load_limits(models: Models) -> Limits | None:
    """The limits that come with the demo models; None for another generator."""
    with safetensors.safe_open(checkpoint_path(FILE), framework="pt") as file:
        if file.metadata().get("generator") != models.generator_fingerprint:
            return None
        bg, halo_limit, gamut_limit = file.get_tensor("limits").tolist()
        return Limits(bg, halo_limit, gamut_limit, file.get_tensor("chroma"))


def save_limits(limits: Limits, models: Models, path: Path) -> Path:
    """Write the file that `load_limits` reads: `chroma` [H, W], and bg, halo and gamut as `limits` [3]."""
    numbers = torch.tensor([limits.bg, limits.halo, limits.gamut], dtype=torch.float64)
    metadata = {"generator": str(models.generator_fingerprint)}
    return atomic_write(path, safetensors.torch.save({"chroma": limits.chroma, "limits": numbers}, metadata))


def measure_limits(models: Models) -> Limits:
    """The limits of a generator of the demo world, by SAMPLES samples and as many renders."""
    z = torch.randn(SAMPLES, models.generator.config.z_dim, generator=torch.Generator().manual_seed(SEED))
    people, resolution = faces(z), models.generator.resolution
    most = torch.quantile(dilate(chroma(render(people, resolution))), CHROMA_QUANTILE, dim=0)
    images = models.render(Latent(Space.Z, z.to(models.device))).float().cpu().clamp(-1, 1)
    halos, gamuts = halo(images, erode(background_mask(people, resolution))), gamut(images, most)
    return Limits(MAX_BACKGROUND, _quantile(halos), _quantile(gamuts), most)


def _quantile(values: Tensor) -> float:
    return torch.quantile(values, QUANTILE).item()
