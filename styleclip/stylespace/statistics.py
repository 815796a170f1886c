"""Samples in style space and their mean and standard deviation, as StyleCLIP draws them (its `GetCode.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.networks.stylegan2 import Generator
from styleclip.relevance_table import StyleStatistics


def style_statistics(
    generator: Generator,
    count: int = 100_000,
    seed: int = 5,
    psi: float = 0.7,
    cutoff: int | None = None,
    batch: int = 1000,
    on_batch: Callable[[int, int], None] | None = None,  # (samples done, samples in all)
) -> StyleStatistics:
    """Mean and deviation of every style channel over `sample_styles(generator, count, ...)`, on the CPU.

    No more than `batch` samples are in memory at once.
    """

    def reported() -> Iterator[Tensor]:
        done = 0
        for styles in _style_batches(generator, count, seed, psi, cutoff, batch):
            yield styles
            done += len(styles)
            if on_batch:
                on_batch(done, count)

    return mean_and_std(reported())


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
    return next(_z_batches(generator, count, seed, count))


def mean_and_std(batches: Iterable[Tensor]) -> StyleStatistics:
    """Mean and deviation (of the population) over all rows of batches [n, C], in float64; float32 on the CPU.

    Batches are merged as by Chan, Golub and LeVeque 1979: no difference of large sums is taken.
    """
    count, mean, squares = 0, torch.tensor(0.0), torch.tensor(0.0)
    for batch in (each.double() for each in batches):
        own, share = batch.mean(dim=0), len(batch) / (count + len(batch))
        apart = own - mean
        squares = squares + (batch - own).square().sum(dim=0) + apart.square() * count * share
        mean, count = mean + apart * share, count + len(batch)
    return StyleStatistics(mean.float().cpu(), (squares / count).sqrt().float().cpu())


@torch.no_grad()
def _style_batches(
    generator: Generator, count: int, seed: int, psi: float, cutoff: int | None, batch: int
) -> Iterator[Tensor]:
    for z in _z_batches(generator, count, seed, batch):
        w = generator.truncate(Latent(Space.Z, z.to(generator.w_avg.device)), psi, cutoff)
        yield generator.to_space(w, Space.S).data


def _z_batches(generator: Generator, count: int, seed: int, batch: int) -> Iterator[Tensor]:
    """The z of `sample_z` in pieces: numpy's stream goes on where it stopped."""
    if min(count, batch) < 1:
        raise UsageError(f"cannot draw {count} samples, {batch} at a time; both must be at least 1")
    random = np.random.RandomState(seed)
    for start in range(0, count, batch):
        numbers = random.randn(min(batch, count - start), generator.config.z_dim)
        yield torch.from_numpy(numbers.astype(np.float32))
