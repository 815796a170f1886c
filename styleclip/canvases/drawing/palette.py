"""A limit on the number of colours."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS = 20  # of k-means


def group_colors(colors: Tensor, count: int) -> Tensor:
    """[S, 3] -> [S] the number of the group of every colour, at most `count` groups, by k-means.

    The first centre is the colour nearest to the mean, each further one the colour farthest from those before.
    """
    chosen = [int((colors - colors.mean(dim=0)).square().sum(dim=1).argmin())]
    while len(chosen) < min(count, len(colors)):
        distance = torch.cdist(colors, colors[chosen]).amin(dim=1)
        chosen.append(int(distance.argmax()))
    centres = colors[chosen]
    for _ in range(ROUNDS):
        group = torch.cdist(colors, centres).argmin(dim=1)
        centres = torch.where(_members(group, len(centres)) > 0, _means(colors, group, len(centres)), centres)
    return torch.cdist(colors, centres).argmin(dim=1)


def unite_colors(colors: Tensor, group: Tensor) -> Tensor:
    """[S, 3] with the mean of its group in place of every colour."""
    return _means(colors, group, int(group.max()) + 1)[group]


def _members(group: Tensor, count: int) -> Tensor:
    return torch.bincount(group, minlength=count)[:, None]


def _means(colors: Tensor, group: Tensor, count: int) -> Tensor:
    sums = colors.new_zeros(count, colors.shape[1]).index_add_(0, group, colors)
    return sums / _members(group, count).clamp(min=1)
