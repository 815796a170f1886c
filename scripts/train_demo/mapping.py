"""The first stage of the demo generator: the mapping network, to a w in which attributes are linear."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.train_demo.common import Losses, train
from styleclip.demo.world import GEOMETRY, HAT_HUE, SOURCES, Z_DIM, Choice, Switch, axes, columns_of, faces
from styleclip.networks.generator import Generator, Mapping
from styleclip.networks.layers import EqualLinear

STEEPNESS = 2.0  # of the steps that the first mapping layer starts as
WINNER_OFFSETS = (0.0, 0.3, 0.6)  # of the winners that the second one starts as

Vote = tuple[str, int, float]  # attribute, state, weight: a first-layer row speaks for (or against) a state


def train_mapping(generator: Generator, steps: int, batch: int = 512) -> None:
    """Train z -> w so that a linear probe of w gives every render parameter."""
    widths = faces(torch.randn(4096, Z_DIM)).parameters
    center, scale = widths.mean(dim=0), widths.std(dim=0)
    _init_as_steps(generator.mapping)
    probe = EqualLinear(generator.config.w_dim, len(center), lr_mul=0.01)
    pair = nn.ModuleList([generator.mapping, probe])

    def step(i: int) -> Losses:
        z = torch.randn(batch, Z_DIM)
        return {"probe": F.mse_loss(probe(generator.map(z)), (faces(z).parameters - center) / scale)}

    pair.load_state_dict(train("mapping", pair, step, steps, lr=0.4))


def _init_as_steps(mapping: Mapping) -> None:
    """Initialise the first layer with threshold features of the attributes, the second with their states.

    First layer: both signs of every threshold, and `u_i - u_j` for the states of a `Choice`. Second layer: for a state
    of a `Choice`, `offset - sum_j relu(u_j - u_i)`, which is large only for the largest entry; for a `Switch` the
    difference of two steps, a ramp with two ends. Further rows stay random.
    """
    rows, biases, votes = zip(*_step_features(), strict=True)
    states = dict.fromkeys(vote[:2] for vote in votes if vote)
    tallies = [torch.tensor([vote[2] if vote and vote[:2] == state else 0.0 for vote in votes]) for state in states]
    _set_rows(mapping.get_submodule("fc0"), torch.stack(rows), torch.stack(biases))
    repeated = torch.stack(tallies).repeat(len(WINNER_OFFSETS), 1)
    _set_rows(mapping.get_submodule("fc1"), repeated, torch.tensor(WINNER_OFFSETS).repeat_interleave(len(states)))


def _set_rows(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Set the first rows of an equalised layer so that they compute `weight @ x + bias`."""
    assert isinstance(layer, EqualLinear)
    count, width = weight.shape
    with torch.no_grad():
        layer.weight[:count].mul_(0.1)
        layer.weight[:count, :width] = weight * layer.weight.shape[1] ** 0.5 / layer.lr_mul
        layer.bias[:count] = bias / layer.lr_mul


def _step_features() -> Iterator[tuple[Tensor, Tensor, Vote | None]]:
    """Rows (a, b, vote): a feature `a . z + b`, and its weight in a state of the second layer."""
    for attribute, source in SOURCES.items():
        columns = axes()[:, columns_of(attribute.name)].T
        if isinstance(source, Choice):
            for i, j in itertools.permutations(range(len(columns)), 2):
                gain = STEEPNESS / 2**0.5
                bias = torch.tensor(gain * (source.bias[i] - source.bias[j]))
                yield gain * (columns[i] - columns[j]), bias, (attribute.name, j, -1.0)
        elif isinstance(source, Switch):
            edges = [source.threshold + offset for offset in (-0.15, 0.15)]
            yield from _both_signs(columns[0], edges, STEEPNESS, [(attribute.name, 1, sign) for sign in (1.0, -1.0)])
        else:
            yield from _both_signs(columns[0], (-2, -1, -0.6, -0.4, 0, 0.4, 0.6, 1, 2), 1)
    for name in (HAT_HUE, *GEOMETRY):
        yield from _both_signs(axes()[:, columns_of(name)][:, 0], (-1.6, -0.8, 0, 0.8, 1.6), 1)


def _both_signs(
    column: Tensor, edges: Sequence[float], gain: float, votes: Sequence[Vote] = ()
) -> Iterator[tuple[Tensor, Tensor, Vote | None]]:
    """`gain * (u - edge)` with the vote of the edge, and its negative without one."""
    for edge, vote in itertools.zip_longest(edges, votes):
        yield gain * column, torch.tensor(-gain * edge), vote
        yield -gain * column, torch.tensor(gain * edge), None
