"""Relevance by gradient: where CLIP sees a picture go when its style channels change, without a render of each change.

A derivative stands for the difference of StyleCLIP, section 6: `d_n[c] = std_c * dE(G(s_n)) / ds_c`, the movement of
the unit features E [D] for one standard deviation of channel c.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from styleclip.channels import StyleStatistics
from styleclip.latents import Latent, Space
from styleclip.models.bundle import Models
from styleclip.stylespace.effects import Effects, Tally


@torch.enable_grad()
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
    for (leaf, features), v in zip(_seen(models, styles, batch_size), probes.split(batch_size), strict=True):
        along = features @ delta_t.to(features)
        slope += torch.autograd.grad(along.sum(), leaf, retain_graph=True)[0].double().sum(dim=0)
        across = features * v.to(features)
        square += torch.autograd.grad(across.sum(), leaf)[0].double().square().sum(dim=0)
    std = statistics.std.to(models.device)
    return (slope / len(styles)).float() * std, (square / len(styles)).sqrt().float() * std


@torch.enable_grad()
def gradient_effects(
    models: Models, statistics: StyleStatistics, styles: Tensor, batch_size: int = 16
) -> Iterator[Effects]:
    """The rows of all channels at once, averaged over the pictures of `styles` [N, C]: the whole table for any text.

    Each picture takes one forward and D backward passes.
    """
    std, tally = statistics.std.to(models.device), Tally()
    for leaf, features in _seen(models, styles, batch_size):
        columns = [torch.autograd.grad(column.sum(), leaf, retain_graph=True)[0] for column in features.T]
        for jacobian in torch.stack(columns, dim=2):  # [C, D] of every picture
            tally.add(std[:, None] * jacobian)
    yield tally.effects(torch.arange(styles.shape[1]))


def _seen(models: Models, styles: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Styles [n, C] in float32 and the unit features [n, D] of their pictures, which can be differentiated by them."""
    generator = models.generator
    for part in styles.split(batch_size):
        leaf = part.detach().to(models.device, torch.float32).requires_grad_()
        yield leaf, models.clip.encode_image(generator(Latent(Space.S, leaf.to(generator.w_avg.dtype))))
