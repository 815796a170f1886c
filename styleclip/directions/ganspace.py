"""GANSpace (Härkönen et al. 2020, "GANSpace: Discovering Interpretable GAN Controls"): principal components of W."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.directions.principal_axes import axis_directions, chosen_layers, principal_axes
from styleclip.errors import UsageError
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import float32_default
from styleclip.stylespace.statistics import z_batches

SAMPLES, SEED = 100_000, 5
BATCH = 10_000  # samples in memory at once


class Components(NamedTuple):
    """Principal components of W: unit vectors [K, w_dim], standard deviations [K] and shares of the variance [K]."""

    vectors: Tensor
    std: Tensor
    explained_variance: Tensor


@float32_default()
@torch.inference_mode(False)
@torch.no_grad()
def ganspace(
    models: Models,
    layers: Sequence[int] | None = None,
    count: int | None = None,
    samples: int = SAMPLES,
    seed: int = SEED,
    on_step: OnStep = ignore,
) -> list[LatentDirection]:
    """The principal components of W, the widest first; alpha counts standard deviations.

    Args:
        models: of which the mapping network is sampled; nothing is rendered.
        layers: rows of W+ that the directions move; None for all, moved in W. They do not change the components.
        count: how many directions; None for all.
        samples: how many w are drawn, without truncation.
        seed: of the z; with 5 those are the first of StyleCLIP's.
        on_step: a step counts samples.

    Raises UsageError for layers that the generator does not have, and for a larger count than there are directions.

    Example:
        first, *others = ganspace(models, count=8)
        editor.render(latent - 2 * first)
    """
    chosen_layers(models.generator, layers)
    if samples < 2:
        raise UsageError(f"samples is {samples}; a deviation needs at least 2")
    components = principal_components(w_batches(models.generator, samples, seed, on_step))
    records = [
        {"source": "GANSpace", "samples": samples, "seed": seed, "std": std, "explained_variance": share}
        for std, share in zip(components.std.tolist(), components.explained_variance.tolist(), strict=True)
    ]
    return axis_directions(models, components.vectors * components.std[:, None], records, layers, count)


def principal_components(batches: Iterable[Tensor]) -> Components:
    """The components of all rows of batches [n, D] in float64, as scikit-learn's PCA gives them, with fixed signs."""
    covariance = covariance_of(batches)
    axes = principal_axes(covariance)
    return Components(axes.vectors, axes.values.sqrt(), axes.values / covariance.trace())


def covariance_of(batches: Iterable[Tensor]) -> Tensor:
    """The unbiased covariance [D, D] over all rows of batches [n, D], in float64 on the CPU.

    Batches are merged as by Chan, Golub and LeVeque 1979: no difference of large sums is taken.
    """
    count, mean, scatter = 0, torch.tensor(0.0), torch.tensor(0.0)
    for batch in (each.double().cpu() for each in batches):
        batch_mean, weight = batch.mean(dim=0), len(batch) / (count + len(batch))
        centered, difference = batch - batch_mean, batch_mean - mean
        scatter = scatter + centered.T @ centered + torch.outer(difference, difference) * count * weight
        mean, count = mean + difference * weight, count + len(batch)
    return scatter / (count - 1)


@torch.no_grad()
def w_batches(generator: Generator, count: int, seed: int, on_step: OnStep = ignore) -> Iterator[Tensor]:
    """W [n, w_dim] of `count` samples in batches; a step counts samples."""
    done = 0
    for z in z_batches(generator, count, seed, BATCH):
        yield generator.map(z.to(generator.w_avg.device))
        done += len(z)
        on_step(Step(done, count, stage="samples"))
