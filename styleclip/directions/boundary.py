"""Linear boundaries of attributes in W (InterFaceGAN, Shen et al. 2020).

A hyperplane of W tells the samples with high scores of an attribute from those with low ones. Its unit normal is the
direction of the attribute: on its positive side there is more of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from styleclip.directions.linear_ridge import FOLDS, fit_ridge
from styleclip.directions.linear_svm import fit_linear_svm
from styleclip.directions.settings import BoundarySettings
from styleclip.errors import UsageError

MIN_TRAINED = 2  # samples of each side of an SVM
MIN_SAMPLES = 2 * FOLDS  # of a regression
NO_RELATION = "the latents do not tell the scores; pass more samples, or scores of what these samples show"
MIN_REST = 0.05  # of a unit normal that conditions leave; less is noise


@dataclass(frozen=True, eq=False)
class Boundary:
    """A hyperplane `w . normal + intercept = 0` of W; its left side is the signed distance of w.

    Args:
        normal: [w_dim], of length 1, float64.
        intercept: the signed distance of w = 0.
        lower, upper: the mean distance of the samples, weighed by how far their scores are from the highest and from
            the lowest: where samples without and with the attribute lie.
        trained: samples that it was fitted to.
        validation: the share of labelled samples on their side that it was not fitted to: of the rest of the labelled
            ones of an SVM, in the cross-validation of a regression. None where there are none.
        remaining: of an SVM, the share of the samples without a label that lie on the side of their score.
        explained: of a regression, the share of the variance of held-out scores that it explains.

    Example:
        found = fit_boundary(sample_w(models.generator, samples), clip_scores(models, prompt, samples))
        step = (found.upper - found.lower) * found.normal
    """

    normal: Tensor
    intercept: float
    lower: float
    upper: float
    trained: int = 0
    validation: float | None = None
    remaining: float | None = None
    explained: float | None = None


def fit_boundary(
    latents: Tensor, scores: Tensor, settings: BoundarySettings | None = None, conditions: Sequence[Tensor] = ()
) -> Boundary:
    """The boundary between the latents W [N, w_dim] with high scores [N] and those with low ones.

    With `conditions` [w_dim] the normal is projected off them (`condition`), and the boundary lies in the middle
    between `lower` and `upper`; the accuracies are those before. Raises UsageError for scores that are all equal or not
    finite, for too few samples, and for conditions that leave nothing.
    """
    settings = settings or BoundarySettings()
    latents, scores = latents.double().cpu(), scores.double().cpu()
    _check(latents, scores)
    found = _fit_svm(latents, scores, settings) if settings.fit == "svm" else _fit_ridge(latents, scores)
    if conditions:
        normal = condition(found.normal, conditions)
        lower, upper = _class_means(latents @ normal, scores)
        intercept = -(lower + upper) / 2
        found = replace(found, normal=normal, intercept=intercept, lower=lower + intercept, upper=upper + intercept)
    if not found.upper > found.lower:
        raise UsageError(NO_RELATION)
    return found


def _fit_ridge(latents: Tensor, scores: Tensor) -> Boundary:
    """The boundary at the middle score, by a regression of the scores on W."""
    if len(scores) < MIN_SAMPLES:
        raise UsageError(f"{len(scores)} samples are too few for a boundary; pass at least {MIN_SAMPLES}")
    fit, middle = fit_ridge(latents, scores), _middle(scores)
    accuracy = ((fit.foretold > middle) == (scores >= middle)).double().mean().item()
    if fit.explained <= 0:
        raise UsageError(NO_RELATION)
    found = _boundary(latents, scores, fit.weight, fit.intercept - middle)
    return replace(found, trained=len(scores), validation=accuracy, explained=fit.explained)


def _fit_svm(latents: Tensor, scores: Tensor, settings: BoundarySettings) -> Boundary:
    """The boundary of the published code: a linear SVM of the samples with the highest and the lowest scores."""
    count = min(int(len(scores) * settings.ratio), len(scores) // 2)
    trained = int(count * settings.split)
    if trained < MIN_TRAINED:
        raise UsageError(
            f"{len(scores)} samples with ratio {settings.ratio:g} leave {trained} for each side of the boundary, which "
            f"needs {MIN_TRAINED}; pass more samples or a larger ratio"
        )
    order = scores.argsort(descending=True, stable=True)
    high, middle, low = order[:count], order[count:-count], order[-count:]
    if scores[high[-1]] <= scores[low[0]]:
        raise UsageError(
            f"the {count} highest and the {count} lowest scores meet at {scores[low[0]]:g}, so they tell no two sides "
            "apart; pass a smaller ratio or finer scores"
        )
    rng = np.random.RandomState(settings.split_seed)
    high, low = (rows[torch.from_numpy(rng.permutation(count))] for rows in (high, low))
    rows, labels = torch.cat([high[:trained], low[:trained]]), torch.arange(2 * trained) < trained
    weight, intercept = fit_linear_svm(latents[rows], labels, settings.c)

    def accuracy(rows: Tensor, labels: Tensor) -> float | None:
        sides = latents[rows] @ weight + intercept > 0
        return (sides == labels).double().mean().item() if len(rows) else None

    held = torch.cat([high[trained:], low[trained:]])
    validation = accuracy(held, torch.arange(len(held)) < count - trained)
    remaining = accuracy(middle, scores[middle] >= _middle(scores))
    found = _boundary(latents, scores, weight, intercept)
    return replace(found, trained=2 * trained, validation=validation, remaining=remaining)


def _boundary(latents: Tensor, scores: Tensor, weight: Tensor, intercept: float) -> Boundary:
    """The boundary `w . weight + intercept = 0`, with the distances of the samples."""
    length = weight.norm()
    if not length > 0:
        raise UsageError(NO_RELATION)
    normal, offset = weight / length, intercept / length.item()
    lower, upper = _class_means(latents @ normal + offset, scores)
    return Boundary(normal, offset, lower, upper)


def _class_means(distance: Tensor, scores: Tensor) -> tuple[float, float]:
    """The mean distance of samples with low and with high scores, each weighed by its share of the way between them."""
    shown = (scores - scores.min()) / (scores.max() - scores.min())
    return ((1 - shown) @ distance / (1 - shown).sum()).item(), (shown @ distance / shown.sum()).item()


def condition(normal: Tensor, others: Sequence[Tensor]) -> Tensor:
    """The unit normal [w_dim] without its parts along `others`, so that a step along it leaves their attributes alone.

    The published code projects off one or two, which may be correlated; this is for any number. Raises UsageError where
    nothing is left.
    """
    normal = normal.double().cpu()
    if not others:
        return normal / normal.norm()
    columns = torch.stack([other.double().cpu() / other.double().cpu().norm() for other in others], dim=1)  # [w_dim, K]
    shares = torch.linalg.lstsq(columns, normal[:, None], driver="gelsd").solution  # gelsd: they may be dependent
    rest = normal - (columns @ shares)[:, 0]
    left = (rest.norm() / normal.norm()).item()
    if not left >= MIN_REST:
        raise UsageError(
            f"its conditions are the direction itself: they leave {left:.3f} of it; leave one of the conditions out"
        )
    return rest / rest.norm()


def _middle(scores: Tensor) -> float:
    """The score between the highest and the lowest, which parts samples that have the attribute from others."""
    return ((scores.max() + scores.min()) / 2).item()


def _check(latents: Tensor, scores: Tensor) -> None:
    """Raise UsageError for shapes that do not fit, for numbers that are not finite, and for equal scores."""
    if latents.ndim != 2 or scores.shape != latents.shape[:1]:
        raise UsageError(
            f"the latents have shape {list(latents.shape)} and the scores {list(scores.shape)}; pass [N, w_dim] and [N]"
        )
    if not latents.isfinite().all():
        raise UsageError("a latent is not finite; pass latents of a generator")
    if not scores.isfinite().all():
        row = int((~scores.isfinite()).nonzero()[0, 0])
        raise UsageError(f"score {row} is {scores[row].item()}; leave that sample out")
    if len(scores) and scores.min() == scores.max():
        raise UsageError(f"all {len(scores)} scores are {scores[0].item():g}; pass those of an attribute that varies")
    if not (scores - scores.mean()).square().sum().isfinite():
        largest = scores.abs().max().item()
        raise UsageError(f"the scores reach {largest:.3g}, whose squares float64 has not; divide all by as much")
