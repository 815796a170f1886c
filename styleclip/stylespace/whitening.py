"""Steps in standard deviations of the samples of a generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.errors import SpaceError
from styleclip.latents import Latent, Space
from styleclip.networks.stylegan2 import Generator
from styleclip.stylespace.statistics import mean_and_std


@dataclass(frozen=True)
class StepBasis:
    """Offsets in units of standard deviations: `offset = coordinates @ basis`, [.., D] each.

    In W the axes are the principal ones, which is the P_N space of Zhu et al. 2020 ("Improved StyleGAN embedding"),
    so the squared length of `coordinates` is a Mahalanobis distance; in S they are the channels.
    """

    basis: Tensor  # [D, D] in W and W+, [D] (a diagonal) in S

    def offset(self, coordinates: Tensor) -> Tensor:
        return coordinates * self.basis if self.basis.ndim == 1 else coordinates @ self.basis


@torch.no_grad()
def whitening_basis(generator: Generator, space: Space, samples: int = 10_000, seed: int = 5) -> StepBasis:
    """The spread of `samples` latents in W, W+ or S. Directions in which samples hardly differ stay short."""
    if space is Space.Z:
        raise SpaceError("z is normal by definition; whiten w, w+ or s")
    z = torch.randn(samples, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    w = generator.map(z.to(generator.w_avg.device))
    if space is Space.S:
        parts = (generator.to_space(Latent(Space.W, part), Space.S).data for part in w.split(1000))
        return StepBasis(mean_and_std(parts).std.to(w.device))
    centered = (w - w.mean(dim=0)).double()
    variance, axes = torch.linalg.eigh(centered.T @ centered / samples)
    return StepBasis((axes * variance.clamp(min=0).sqrt()).T.float())
