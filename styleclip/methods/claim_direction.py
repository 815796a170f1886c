"""The direction of a claim in style space by ridge regression, from what an image shows now.

The regression A [D, C] tells how S moves with CLIP's feature. From an alternative with the text feature n and the mean
feature N of its samples to the target with t and T the row is

    kappa * (normalize(t - n) + normalize(T - N)) @ A

Kappa scales it to the distance between the samples of both classes, by least squares in standard deviations of the
channels: alpha 1 reaches their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.latents import Space
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.results import SHOWN
from styleclip.runtime.image_by_image import row_products
from styleclip.samples import Regression
from styleclip.settings import TextEncoding
from styleclip.stylespace.claim_classes import ClaimClasses, claim_classes
from styleclip.stylespace.class_means import ClassMeans, class_means
from styleclip.stylespace.regression import models_regression
from styleclip.stylespace.samples import models_samples

MIN_STD = 1e-12


@dataclass(frozen=True)
class ClaimDirection:
    """The directions of one claim: `rows` [A, C] in S, one from each alternative to the target, for alpha 1."""

    classes: ClaimClasses
    rows: Tensor

    def step(self, features: Tensor, skip_shown: bool = False) -> Tensor:
        """[N, C]: the rows, weighed by how much images of these CLIP features [N, D] show each alternative.

        With `skip_shown` it is 0 for images that show the claim already.
        """
        step = row_products(self.classes.neutrals(features), self.rows)
        return step.masked_fill(self.shown(features)[:, None], 0.0) if skip_shown else step

    def shown(self, features: Tensor) -> Tensor:
        """[N] bool: whether the claim is shown already."""
        return self.classes.shows(features) >= SHOWN

    def select(self, std: Tensor, beta: float, moving: Tensor) -> ClaimDirection:
        """Without the channels that do not move [C] and those below `beta` times the largest, in deviations."""
        size = in_deviations(self.rows, std).abs() * moving
        kept = moving & (size > 0) & (size >= beta * size.amax(dim=1, keepdim=True))
        return replace(self, rows=torch.where(kept, self.rows, 0.0))


@torch.no_grad()
def claim_directions(
    models: Models, prompt: Prompt, count: int, text: TextEncoding, on_step: OnStep = ignore
) -> tuple[list[ClaimDirection], Regression]:
    """The directions of every claim of a prompt and the regression, by `count` samples or more."""
    samples = models_samples(models, count, on_step)
    regression = models_regression(models, samples, Space.S, on_step)
    classes = claim_classes(models, prompt, samples, text)
    means = class_means(models, samples, classes, Space.S)
    return [_direction(each, regression) for each in means], regression


def _direction(means: ClassMeans, regression: Regression) -> ClaimDirection:
    classes, std = means.classes, regression.std.to(means.latents)
    onto, away = slice(None, classes.targets), slice(classes.targets, None)
    texts, images = (each[onto].mean(dim=0) - each[away] for each in (classes.features, means.features))  # [A, D]
    rows = regression(F.normalize(texts, dim=-1) + F.normalize(images.to(texts), dim=-1))
    wanted = in_deviations(means.latents[onto].mean(dim=0) - means.latents[away], std)
    size = in_deviations(rows, std)
    kappa = (wanted * size).sum(dim=1) / size.square().sum(dim=1).clamp(min=MIN_STD)
    return ClaimDirection(classes, kappa.clamp(min=0)[:, None] * rows)


def in_deviations(step: Tensor, std: Tensor) -> Tensor:
    """A step [.., C] in standard deviations [C] of its channels; a channel that does not vary does not move."""
    return step / std.clamp(min=MIN_STD)


def sum_of_steps(claims: Sequence[ClaimDirection], features: Tensor, skip_shown: bool = False) -> Tensor:
    """[N, C]: the steps of all claims for images of these CLIP features [N, D]."""
    return torch.stack([claim.step(features, skip_shown) for claim in claims]).sum(dim=0)


def mean_row(claims: Sequence[ClaimDirection]) -> Tensor:
    """[C]: the sum over the claims of the mean of their rows, the direction for an image that shows all alike."""
    return torch.stack([claim.rows.mean(dim=0) for claim in claims]).sum(dim=0)
