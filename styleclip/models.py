"""The networks an editor works with, together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from styleclip.latents import Latent
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.networks.clip import CLIP
from styleclip.networks.e4e import Encoder
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.lpips import PerceptualDistance
from styleclip.networks.stylegan2 import Generator, Noise
from styleclip.relevance_table import RelevanceTable
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs


@dataclass(frozen=True)
class Models:
    """Frozen networks on one device. `identity` is None where faces are not to be compared.

    `defaults` holds the settings that suit this generator, by method name; `provenance` says which files these are;
    What few need is read when it is first asked for, and is None where there is none: `relevance()`, the relevance
    table of this generator and CLIP; `encoder()`, which inverts pictures; `perceptual()`, LPIPS.
    """

    generator: Generator
    clip: CLIP
    identity: FaceRecogniser | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    relevance: Callable[[], RelevanceTable | None] = lambda: None
    encoder: Callable[[], Encoder | None] = lambda: None
    perceptual: Callable[[], PerceptualDistance | None] = lambda: None

    @torch.no_grad()
    def render(self, latent: Latent, noise: Noise = "const") -> Tensor:
        """Render without a gradient, a few at a time: images [N, 3, H, W], nominally in [-1, 1]."""
        name = None if noise == "random" else f"render with {noise} noise"
        return self._in_parts(lambda part: self.generator(part, noise), latent, name)

    @torch.no_grad()
    def clip_features(self, latent: Latent) -> Tensor:
        """What CLIP sees in the pictures of a latent, a few at a time: unit features [N, D]."""
        return self._in_parts(lambda part: self.clip.encode_image(self.generator(part)), latent, "clip_features")

    def _in_parts(self, work: Callable[[Latent], Tensor], latent: Latent, name: str | None) -> Tensor:
        """`work` on a few latents at a time. What has a name is the same in every call, and a graph after many."""

        def replayed(part: Latent) -> Tensor:
            result: Tensor = self._graphs((name, part.space), lambda data: work(Latent(part.space, data)), part.data)
            return result

        return torch.cat([*Batches(max_batch(self.generator, RENDER))(replayed if name else work, latent)])

    @functools.cached_property
    def _graphs(self) -> Graphs:
        return Graphs(self.generator)

    @property
    def generator_fingerprint(self) -> str | None:
        """The fingerprint of the generator, where it came from a file."""
        generator: Mapping[str, Any] = self.provenance.get("generator", {})
        return generator.get("network")

    @property
    def device(self) -> torch.device:
        return self.generator.w_avg.device
