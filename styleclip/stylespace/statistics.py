"""Samples in style space, as StyleCLIP draws them (its `GetCode.py`), their mean and deviation, and whitened steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.relevance_table import StyleStatistics
from styleclip.runtime.gradients import float32_default
from styleclip.runtime.image_by_image import row_products, whole_batches


def style_statistics(
    generator: Generator,
    count: int = 100_000,
    seed: int = 5,
    psi: float = 0.7,
    cutoff: int | None = None,
    batch: int = 1000,
    on_step: OnStep = ignore,
) -> StyleStatistics:
    """Mean and deviation of every style channel over `sample_styles(generator, count, ...)`, on the CPU.

    No more than `batch` samples are in memory at once; a step counts samples.
    """

    def batches() -> Iterator[Tensor]:
        done = 0
        for styles in _style_batches(generator, count, seed, psi, cutoff, batch):
            yield styles
            done += len(styles)
            on_step(Step(done, count, stage="statistics"))

    return mean_and_std(batches())


def sample_styles(
    generator: Generator, count: int, seed: int = 5, psi: float = 0.7, cutoff: int | None = None, batch: int = 1000
) -> Tensor:
    """S [count, C] of the z of `sample_z`, on the generator's device.

    `cutoff=None` truncates the w of every layer, as StyleCLIP's TensorFlow code does, by which its tables were made;
    8 truncates those of the first eight layers, as its PyTorch port does.
    """
    return torch.cat([*_style_batches(generator, count, seed, psi, cutoff, batch)])


def sample_z(generator: Generator, count: int, seed: int = 5) -> Tensor:
    """Z [count, z_dim]: with seed 5 those of StyleCLIP. A smaller `count` gives the first of the same samples."""
    return next(z_batches(generator, count, seed, count))


def z_batches(generator: Generator, count: int, seed: int, batch: int) -> Iterator[Tensor]:
    """The z of `sample_z` in pieces: numpy's stream goes on where it stopped."""
    if min(count, batch) < 1:
        raise UsageError(f"cannot draw {count} samples, {batch} at a time; both must be at least 1")
    random = np.random.RandomState(seed)
    for start in range(0, count, batch):
        numbers = random.randn(min(batch, count - start), generator.config.z_dim)
        yield torch.from_numpy(numbers.astype(np.float32))


def mean_and_std(batches: Iterable[Tensor]) -> StyleStatistics:
    """Mean and deviation (of the population) over all rows of batches [n, C], in float64; float32 on the CPU.

    Batches are merged as by Chan, Golub and LeVeque 1979: no difference of large sums is taken.
    """
    count, mean, squares = 0, torch.tensor(0.0), torch.tensor(0.0)
    for batch in (each.double() for each in batches):
        batch_mean, weight = batch.mean(dim=0), len(batch) / (count + len(batch))
        difference = batch_mean - mean
        squares = squares + (batch - batch_mean).square().sum(dim=0) + difference.square() * count * weight
        mean, count = mean + difference * weight, count + len(batch)
    return StyleStatistics(mean.float().cpu(), (squares / count).sqrt().float().cpu())


MIN_SPREAD = 1e-3  # of an axis of W, relative to the longest


@dataclass(frozen=True)
class StepBasis:
    """The basis of steps in units of standard deviations: `offset = coordinates @ basis`, [.., D] each.

    In W its axes are the principal ones, which is the P_N space of Zhu et al. 2020 ("Improved StyleGAN embedding"),
    so the squared length of `coordinates` is a Mahalanobis distance; in S they are the channels.
    """

    basis: Tensor  # [D, D] in W and W+, [D] (a diagonal) in S

    def offset(self, coordinates: Tensor) -> Tensor:
        return coordinates * self.basis if self.basis.ndim == 1 else row_products(coordinates, self.basis)

    def coordinates(self, offset: Tensor) -> Tensor:
        """The coordinates of an offset; what lies along axes of hardly any spread is left out."""
        if self.basis.ndim == 1:
            return torch.where(self.basis > 0, offset / self.basis, 0.0)
        return row_products(offset, self._inverse.to(offset))

    @cached_property
    @float32_default()
    @torch.inference_mode(False)
    def _inverse(self) -> Tensor:
        return torch.linalg.pinv(self.basis.double(), rtol=MIN_SPREAD)


@whole_batches()
@torch.no_grad()
def whitening_basis(generator: Generator, space: Space, samples: int = 10_000, seed: int = 5) -> StepBasis:
    """The standard deviations of `samples` latents in W, W+ or S along the axes; axes of little spread are short."""
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


@torch.no_grad()
def _style_batches(
    generator: Generator, count: int, seed: int, psi: float, cutoff: int | None, batch: int
) -> Iterator[Tensor]:
    for z in z_batches(generator, count, seed, batch):
        w = generator.truncate(Latent(Space.Z, z.to(generator.w_avg.device)), psi, cutoff)
        yield generator.to_space(w, Space.S).data
