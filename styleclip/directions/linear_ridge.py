"""Ridge regression of scores on latents, whose shrinkage held-out samples choose."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RIDGES = tuple(10 ** (k / 4) for k in range(-16, 9))  # 1e-4 to 100
FOLDS = 5  # sample n is held out by the fold n modulo FOLDS
KEPT = 0.9  # share of the explained variance that more shrinkage must keep


class RidgeFit(NamedTuple):
    """A fit `points @ weight + intercept` of values.

    Args:
        weight: [D], float64.
        intercept: the value at 0.
        ridge: lambda, relative to the mean variance of the points.
        foretold: [N], the values of the points by fits without them.
        explained: the share of the variance that `foretold` explains.
    """

    weight: Tensor
    intercept: float
    ridge: float
    foretold: Tensor
    explained: float


def fit_ridge(points: Tensor, values: Tensor) -> RidgeFit:
    """Fit values [N] to points [N, D], in float64: `w = (X'X / N + ridge * m * I)^-1 X'y / N` for centred X and y.

    m is the mean of the diagonal of X'X / N. `ridge` is the largest of RIDGES that explains at least KEPT of what the
    best one explains of held-out values: shrinkage turns w towards where points vary, so that a step along it stays
    among them.
    """
    held = torch.arange(len(points)) % FOLDS
    foretold = torch.empty(len(RIDGES), len(points), dtype=torch.float64)
    for fold in range(FOLDS):
        weights, intercepts = _solve(points[held != fold], values[held != fold], RIDGES)
        foretold[:, held == fold] = weights @ points[held == fold].T + intercepts[:, None]
    explained = 1 - (foretold - values).square().sum(dim=1) / (values - values.mean()).square().sum()
    enough = explained >= KEPT * explained.max() if explained.max() > 0 else explained == explained.max()
    chosen = int(enough.nonzero()[-1])
    weights, intercepts = _solve(points, values, RIDGES[chosen : chosen + 1])
    return RidgeFit(weights[0], intercepts[0].item(), RIDGES[chosen], foretold[chosen], explained[chosen].item())


def _solve(points: Tensor, values: Tensor, ridges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """The weights [R, D] and intercepts [R] of all ridges, by the eigenvectors of the covariance."""
    mean, middle = points.mean(dim=0), values.mean()
    centred = points - mean
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(points))
    variances = variances.clamp(min=0)
    shrunk = variances + torch.tensor(ridges, dtype=torch.float64)[:, None] * variances.mean()  # [R, D]
    inverse = torch.where(shrunk > 0, 1 / shrunk, 0.0)  # 0 for points that are all equal
    weights = (centred @ axes).T @ (values - middle) / len(points) * inverse @ axes.T
    return weights, middle - weights @ mean
