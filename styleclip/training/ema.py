"""The exponential moving average of a network's weights, which is the network that is kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = tuple[Tensor, ...] | list[Tensor]


def moving_average(network: nn.Module, decay: float, warm_up: bool = False) -> AveragedModel:
    """The average of all weights and buffers of `network`, which starts from them; `.update_parameters(network)` adds.

    Integers, such as counters of batches, are copied. `warm_up` lowers the decay to n / (9 + n) after n weights, so
    that random initial ones are soon forgotten.
    """

    @torch.no_grad()
    def update(averages: Tensors, current: Tensors, count: Tensor | int) -> None:
        if not averages[0].is_floating_point():
            for average, value in zip(averages, current, strict=True):
                average.copy_(value)
            return
        n = int(count)
        get_ema_multi_avg_fn(min(decay, n / (9 + n)) if warm_up else decay)(averages, current, count)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True).eval().requires_grad_(False)
    average.update_parameters(network)  # the initial weights are the first
    return average
