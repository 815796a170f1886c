"""The networks an editor works with, together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from styleclip.channels import Relevance
from styleclip.latents import Latent
from styleclip.models.clip import CLIP
from styleclip.models.e4e import Encoder
from styleclip.models.identity import Identity
from styleclip.models.perceptual import Perceptual
from styleclip.models.stylegan2 import Generator, Noise

PIXELS = 2**22  # in flight at once where there is no gradient: four pictures of 1024 px


@dataclass(frozen=True)
class Models:
    """Frozen networks on one device. `identity` is None where faces are not to be compared.

    `defaults` holds the settings that suit this generator, by method name; `provenance` says which files these are;
    What few need is read when it is first asked for, and is None where there is none: `relevance()`, the relevance
    table of this generator and CLIP; `encoder()`, which inverts pictures; `perceptual()`, LPIPS.
    """

    generator: Generator
    clip: CLIP
    identity: Identity | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    relevance: Callable[[], Relevance | None] = lambda: None
    encoder: Callable[[], Encoder | None] = lambda: None
    perceptual: Callable[[], Perceptual | None] = lambda: None

    @torch.no_grad()
    def images(self, latent: Latent, noise: Noise = "const") -> Tensor:
        """Render without a gradient, a few at a time: images [N, 3, H, W], nominally in [-1, 1]."""
        return torch.cat([self.generator(part, noise) for part in self._parts(latent)])

    @torch.no_grad()
    def look(self, latent: Latent) -> Tensor:
        """What CLIP sees in the pictures of a latent, a few at a time: unit features [N, D]."""
        return torch.cat([self.clip.encode_image(self.generator(part)) for part in self._parts(latent)])

    def _parts(self, latent: Latent) -> list[Latent]:
        size = max(1, PIXELS // self.generator.resolution**2)
        return [latent[start : start + size] for start in range(0, len(latent), size)]

    @property
    def network(self) -> str | None:
        """The fingerprint of the generator, where it came from a file."""
        generator: Mapping[str, Any] = self.provenance.get("generator", {})
        return generator.get("network")

    @property
    def device(self) -> torch.device:
        return self.generator.w_avg.device
