"""A linear probe: logistic regression on CLIP's features of examples (Radford et al. 2021, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_ITERATIONS = 1000  # of L-BFGS, as published
STRENGTHS = tuple(10.0**exponent for exponent in range(-1, 7))  # C, of which one is chosen
LONE_STRENGTH = 1000.0  # C where a class has a single example, so that none can be held out
FOLDS = 5


@dataclass(frozen=True)
class LinearProbe:
    """The probe of some classes.

    Args:
        weight: [C, D] float64, for unit features.
        bias: [C] float64.
        strength: C of the loss C * sum(cross entropy) + |weight|^2 / 2, as scikit-learn counts it.
    """

    weight: Tensor
    bias: Tensor
    strength: float

    def probabilities(self, features: Tensor) -> Tensor:
        """Unit features [N, D] -> [N, C], of which a row sums to 1."""
        return (features.cpu().double() @ self.weight.T + self.bias).softmax(dim=1)


@torch.no_grad()
def fit_linear_probe(
    features: Tensor, labels: Tensor, strength: float, start: LinearProbe | None = None
) -> LinearProbe:
    """The probe with the least C * sum(cross entropy) + |weight|^2 / 2, by L-BFGS in float64.

    Args:
        features: [N, D], unit length.
        labels: [N] int64, from 0.
        strength: C.
        start: a probe to begin with, such as that of another C; it takes less steps from there.
    """
    inputs, target = _with_one(features), F.one_hot(labels.cpu()).double()
    parameters = torch.zeros(target.shape[1], inputs.shape[1], dtype=torch.float64)
    if start is not None:
        parameters = torch.cat([start.weight, start.bias[:, None]], dim=1)
    optimizer = torch.optim.LBFGS(
        [parameters],
        max_iter=MAX_ITERATIONS,
        tolerance_grad=1e-7,
        tolerance_change=1e-11,
        line_search_fn="strong_wolfe",
    )
    scale = 1 / (strength * len(inputs))  # the loss is divided by C N, so that its size does not depend on them

    def loss() -> Tensor:
        """The loss, and its gradient in `parameters.grad`."""
        logs = (inputs @ parameters.T).log_softmax(dim=1)
        penalised = F.pad(parameters[:, :-1], (0, 1))
        parameters.grad = (logs.exp() - target).T @ inputs / len(inputs) + scale * penalised
        return -(logs * target).sum() / len(inputs) + scale * penalised.square().sum() / 2

    optimizer.step(loss)
    return LinearProbe(parameters[:, :-1].clone(), parameters[:, -1].clone(), strength)


def choose_strength(features: Tensor, labels: Tensor, strengths: Sequence[float] = STRENGTHS) -> float:
    """The C whose probes, each fitted without a part of the examples, give that part the least cross entropy.

    Each of up to FOLDS parts has as equal a share of every class as can be.
    """
    folds = stratified_folds(labels)
    if folds is None:
        return LONE_STRENGTH

    losses = dict.fromkeys(sorted(strengths), 0.0)
    for fold in range(int(folds.max()) + 1):
        out, probe = folds == fold, None
        for strength in losses:
            probe = fit_linear_probe(features[~out], labels[~out], strength, probe)
            logs = probe.probabilities(features[out])[torch.arange(int(out.sum())), labels[out]].log()
            losses[strength] -= logs.sum().item()
    return min(losses, key=lambda strength: losses[strength])


def stratified_folds(labels: Tensor) -> Tensor | None:
    """The fold [N] of every example, from 0; None where a class has a single example."""
    count = min(FOLDS, int(labels.bincount().min()))
    if count < 2:
        return None
    folds = torch.empty_like(labels)
    for label in range(int(labels.max()) + 1):
        rows = (labels == label).nonzero()[:, 0]
        folds[rows] = torch.arange(len(rows)) % count
    return folds


def _with_one(features: Tensor) -> Tensor:
    """Features [N, D] as [N, D + 1] float64, of which the last is 1, for the bias."""
    return F.pad(features.detach().cpu().double(), (0, 1), value=1.0)
