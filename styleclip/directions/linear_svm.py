"""Linear support vector machines (Cortes and Vapnik 1995), solved by an interior-point method."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from styleclip.errors import NumericError

GAP, LARGEST_GAP = 1e-12, 1e-7  # between primal and dual objective, relative to 1 + primal: wanted, and good enough
ITERATIONS = 50
SHARE = 0.995  # of the way to the edge of the feasible region


class _Iterate(NamedTuple):
    """A point of the method: `hyperplane` [D + 1] is (w, b), the others are [N] and above 0, `alpha` also below c.

    `alpha` are the multipliers of the samples, `slack` is y * (w . x + b) - 1 + `hinge`, and `hinge` the loss.
    """

    hyperplane: Tensor
    alpha: Tensor
    slack: Tensor
    hinge: Tensor


def fit_linear_svm(points: Tensor, labels: Tensor, c: float = 1.0) -> tuple[Tensor, float]:
    """The normal w [D] and the intercept b of the linear SVM of points [N, D] with labels [N] bool, in float64.

    They minimise `|w|^2 / 2 + c * sum max(0, 1 - y * (w . x + b))`, where y is 1 for true labels and -1 for others, as
    scikit-learn's `SVC(kernel="linear", C=c)` does up to its tolerance. Mehrotra's predictor-corrector method (1992)
    finds the optimum in some 15 iterations of N * D^2 operations each. Raises NumericError where rounding hinders it.
    """
    points = points.double().cpu()
    mean = points.mean(dim=0)  # w is far from 0, and centred points make better conditioned equations
    y = torch.where(labels.cpu(), 1.0, -1.0).double()
    rows = torch.cat([(points - mean) * y[:, None], y[:, None]], dim=1)  # [N, D + 1]
    one = torch.ones(len(rows), dtype=torch.float64)
    best = _Iterate(torch.zeros(rows.shape[1], dtype=torch.float64), one * c / 2, one, one)
    least, following = _gap(rows, c, best), _improve(rows, c, best)
    for _ in range(ITERATIONS):
        if following is None or least <= GAP:
            break
        if (gap := _gap(rows, c, following)) < least:
            best, least = following, gap
        following = _improve(rows, c, following)
    if not least <= LARGEST_GAP:
        raise NumericError("no boundary could be fitted to these latents; check that they are those of a generator")
    normal = best.hyperplane[:-1]
    return normal, (best.hyperplane[-1] - normal @ mean).item()


def _gap(rows: Tensor, c: float, at: _Iterate) -> float:
    """How far the objective may be from its optimum, relative to 1 + itself: the duality gap, or what unbalances it."""
    dual_normal, balance = (at.alpha @ rows).tensor_split([-1])
    primal = at.hyperplane[:-1].square().sum() / 2 + c * (1 - rows @ at.hyperplane).clamp(min=0).sum()
    dual = at.alpha.sum() - dual_normal.square().sum() / 2
    return (torch.maximum((primal - dual).abs(), balance.abs().amax()) / (1 + primal)).item()


def _improve(rows: Tensor, c: float, at: _Iterate) -> _Iterate | None:
    """The next iterate: a step of Newton's method that aims at the edge, corrected by how far that one gets.

    None where the equations have no solution any more.
    """
    hyperplane, alpha, slack, hinge = at
    rest = c - alpha
    regularised = torch.ones_like(hyperplane)
    regularised[-1] = 0  # the intercept is free
    residual = regularised * hyperplane - alpha @ rows
    margin = slack - (rows @ hyperplane - 1 + hinge)
    diagonal = slack / alpha + hinge / rest
    matrix = rows.T @ (rows / diagonal[:, None]) + torch.diag(regularised)
    factor, failure = torch.linalg.cholesky_ex(matrix)
    if failure:
        return None

    def newton(for_slack: Tensor, for_hinge: Tensor) -> _Iterate:
        wanted = margin + for_slack - for_hinge
        right = (wanted / diagonal) @ rows - residual
        step = torch.cholesky_solve(right[:, None], factor)[:, 0]
        d_alpha = (wanted - rows @ step) / diagonal
        return _Iterate(step, d_alpha, for_slack - slack / alpha * d_alpha, for_hinge + hinge / rest * d_alpha)

    def length(step: _Iterate) -> float:
        ratios = [-step.alpha / alpha, step.alpha / rest, -step.slack / slack, -step.hinge / hinge]
        return min(1.0, SHARE / max(torch.cat(ratios).max().item(), SHARE))

    aim = newton(-slack, -hinge)
    reached = _move(at, aim, length(aim))
    barrier, next_barrier = _barrier(at, c), _barrier(reached, c)
    center = barrier * (next_barrier / barrier) ** 3
    step = newton((center - aim.alpha * aim.slack) / alpha - slack, (center + aim.alpha * aim.hinge) / rest - hinge)
    return _move(at, step, length(step))


def _move(at: _Iterate, step: _Iterate, length: float) -> _Iterate:
    return _Iterate(*(value + length * change for value, change in zip(at, step, strict=True)))


def _barrier(at: _Iterate, c: float) -> float:
    """The mean product of a bound and its multiplier, 0 at the optimum."""
    return ((at.alpha @ at.slack + (c - at.alpha) @ at.hinge) / (2 * len(at.alpha))).item()
