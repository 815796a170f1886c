"""Relevance by gradient: the change of CLIP's features with the style channels, without a render of each change.

A derivative stands for the difference of StyleCLIP, section 6: `d_n[c] = std_c * dE(G(s_n)) / ds_c`, the movement of
the unit features E [D] for one standard deviation of channel c.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.relevance_table import StyleStatistics
from styleclip.runtime.batching import Batches
from styleclip.runtime.gradients import with_gradients
from styleclip.stylespace.channel_effects import EffectAccumulator, Effects


@with_gradients
def gradient_relevance(
    models: Models, delta_t: Tensor, statistics: StyleStatistics, styles: Tensor, batch_size: int = 16, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """`mean_n d_n[c] . delta_t` of every channel c [C] for a unit direction [D] between texts, and its size [C].

    The size is the root mean square of |d_n[c]|, so their ratio is a cosine, like the relevance of a table. Each of the
    pictures `styles` [N, C] takes one forward and two backward passes: the second along random normal numbers v,
    because the mean of (d . v)^2 is |d|^2. On the models' device.
    """
    probes = torch.randn(len(styles), len(delta_t), generator=torch.Generator().manual_seed(seed))
    slope, square = torch.zeros(2, styles.shape[1], dtype=torch.float64, device=models.device)

    def derivatives(rows: Tensor) -> tuple[Tensor, Tensor]:
        leaf, features = _differentiable_features(models, styles[rows])
        along, across = features @ delta_t.to(features), features * probes[rows].to(features)
        first = torch.autograd.grad(along.sum(), leaf, retain_graph=True)[0]
        return first.double().sum(dim=0), torch.autograd.grad(across.sum(), leaf)[0].double().square().sum(dim=0)

    for one, other in Batches(batch_size)(derivatives, torch.arange(len(styles))):
        slope, square = slope + one, square + other
    std = statistics.std.to(models.device)
    return (slope / len(styles)).float() * std, (square / len(styles)).sqrt().float() * std


@with_gradients
def gradient_effects(
    models: Models, statistics: StyleStatistics, styles: Tensor, batch_size: int = 16
) -> Iterator[Effects]:
    """The rows of all channels at once, averaged over the pictures of `styles` [N, C]: the whole table for any text.

    Each picture takes one forward and D backward passes.
    """
    std, accumulator = statistics.std.to(models.device), EffectAccumulator()

    def derivatives(some: Tensor) -> Tensor:
        leaf, features = _differentiable_features(models, some)
        columns = [torch.autograd.grad(column.sum(), leaf, retain_graph=True)[0] for column in features.T]
        return torch.stack(columns, dim=2)  # [n, C, D]

    for jacobians in Batches(batch_size)(derivatives, styles):
        for jacobian in jacobians:
            accumulator.add(std[:, None] * jacobian)
    yield accumulator.effects(torch.arange(styles.shape[1]))


def _differentiable_features(models: Models, styles: Tensor) -> tuple[Tensor, Tensor]:
    """Styles [n, C] in float32, and the unit features [n, D] of their images as a differentiable function of them."""
    generator = models.generator
    leaf = styles.detach().to(models.device, torch.float32).requires_grad_()
    return leaf, models.clip.encode_image(generator(Latent(Space.S, leaf.to(generator.w_avg.dtype))))
