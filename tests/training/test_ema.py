"""The moving average of weights: the formula, its warm-up, and what is copied."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from styleclip.training.ema import moving_average


@pytest.mark.parametrize("warm_up", [False, True])
def test_weights_are_averaged_and_counters_copied(warm_up: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = moving_average(network, 0.3, warm_up)
    expected = {name: each.clone() for name, each in network.state_dict().items()}
    for step in range(6):
        network(torch.randn(5, 3))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update_parameters(network)
        decay = min(0.3, (1 + step) / (10 + step)) if warm_up else 0.3
        for name, each in network.state_dict().items():
            expected[name] = torch.lerp(expected[name], each, 1 - decay) if each.is_floating_point() else each.clone()
    assert average.module.state_dict().keys() == expected.keys()
    for name, each in average.module.state_dict().items():
        assert torch.equal(each, expected[name]), name
    assert not any(parameter.requires_grad for parameter in average.parameters())
