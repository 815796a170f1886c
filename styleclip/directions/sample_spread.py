"""How the samples of a generator are spread in CLIP space and in S, and how far edited pictures stand from them.

Features are whitened by the covariance of the samples, `(C + SHRINKAGE * mean(diag C) * I)^(-1/2)`, so that squared
lengths are Mahalanobis distances; they are divided by their mean over the samples, which makes them shares of the
variance of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.stylespace.samples import models_samples
from styleclip.stylespace.statistics import style_statistics

MIN_SAMPLES = 500  # drawn where CLIP has not seen as many
SHRINKAGE = 0.1  # lambda
STYLE_SAMPLES = 5000  # w, by which the deviations of style channels are measured; none is rendered
OUTERMOST = 0.25  # share of the pictures


@dataclass(frozen=True, eq=False)
class SampleSpread:
    """The spread of samples.

    Args:
        mean: [D], the mean of CLIP's features.
        whitening: [D, D], whose rows are in standard deviations; a sample has a mean squared length of 1.
    """

    mean: Tensor
    whitening: Tensor

    @staticmethod
    def of(features: Tensor) -> SampleSpread:
        """The spread of CLIP's features [N, D] of samples, in float64."""
        features = features.double()
        mean = features.mean(dim=0)
        covariance = (features - mean).T @ (features - mean) / len(features)
        variances, axes = torch.linalg.eigh(covariance)
        variances = variances.clamp(min=0)
        shrunk = variances + SHRINKAGE * variances.mean()
        share = (variances / shrunk).sum()  # the mean squared length before it is divided
        return SampleSpread(mean, axes / (shrunk * share).sqrt())

    def outward(self, before: Tensor, after: Tensor) -> float:
        """How far pictures [N, D] moved away from the samples.

        That is what the part OUTERMOST of them exceeds: the change of their squared distance from the mean.
        """
        near, far = (
            ((each.to(self.mean) - self.mean) @ self.whitening).square().sum(dim=1) for each in (before, after)
        )
        return (far - near).quantile(1 - OUTERMOST).item()

    def scatter(self, before: Tensor, after: Tensor) -> float:
        """How far pictures [N, D] moved each in its own way: the median squared distance of their steps from the mean.

        What an edit does to all of them alike does not count.
        """
        steps = (after - before).to(self.mean) @ self.whitening
        return (steps - steps.mean(dim=0)).square().sum(dim=1).median().item()


def sample_spread(models: Models, on_step: OnStep = ignore) -> SampleSpread:
    """The spread of the samples that CLIP has seen, once for these models; a step is a block of those it has to see."""
    samples = models_samples(models, MIN_SAMPLES, on_step)
    key = ("sample spread", models.generator_fingerprint or models.generator, models.clip, len(samples))
    if key not in models.memo:
        models.memo[key] = SampleSpread.of(samples.features)
    spread: SampleSpread = models.memo[key]
    return spread


def style_deviation(models: Models) -> Tensor:
    """[C], the standard deviations of the style channels over samples without truncation, once for these models."""
    key = ("style deviation", models.generator)
    if key not in models.memo:
        models.memo[key] = style_statistics(models.generator, STYLE_SAMPLES, psi=1.0).std
    deviation: Tensor = models.memo[key]
    return deviation
