"""The step of an image between classes of samples: from the mean of those like it to the mean of those of the target.

For an image with CLIP feature f, summed over the claims of a prompt, with the moves m [N, K] of `ClaimClasses.moves`
and the means over samples, weighed by their probability of each class:

    dF = m @ mean feature [K, D]        dX = m @ mean latent [K, C]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.runtime.image_by_image import row_products
from styleclip.samples import Samples
from styleclip.settings import TextEncoding
from styleclip.stylespace.claim_classes import (
    ClaimClasses,
    claim_classes,
    describe_classes,
    least_shown,
    sample_labels,
)
from styleclip.stylespace.samples import models_samples, sample_w

ROWS = 1000  # of S held at once


@dataclass(frozen=True)
class ClassMeans:
    """The means of the samples of each class of a claim: CLIP features [K, D], and latents [K, C] in W or S."""

    classes: ClaimClasses
    features: Tensor
    latents: Tensor

    def step(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """dF [N, D] and dX [N, C] for images with these unit features [N, D]; 0 where the claim is shown."""
        moves = self.classes.moves(features)
        return row_products(moves, self.features), row_products(moves, self.latents)


@dataclass(frozen=True)
class SampleGoal:
    """Where samples say that a prompt leads: a sum over its claims of steps between class means."""

    means: Sequence[ClassMeans]
    strength: float = 1.0
    samples: int = 0

    def details(self, features: Tensor) -> dict[str, Any]:
        """For the record: what was understood of the prompt, and the probability [N] that an image showed it before."""
        return {
            "claims": self.described_claims,
            "shown": [round(value, 4) for value in self.shown(features).tolist()],
            "samples": self.samples,
        }

    @property
    def described_claims(self) -> list[dict[str, Any]]:
        """For the record: what was understood of the prompt."""
        return describe_classes([each.classes for each in self.means])

    def shown(self, features: Tensor) -> Tensor:
        """[N]: the probability that an image shows the claim that it shows least."""
        return least_shown([each.classes for each in self.means], features)

    def step(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """dF [N, D] and dX [N, C], times the strength."""
        steps = [each.step(features) for each in self.means]
        feature, latent = (torch.stack(parts).sum(dim=0) for parts in zip(*steps, strict=True))
        return self.strength * feature, self.strength * latent

    def target(self, features: Tensor) -> Tensor:
        """The unit feature [N, D] that an edited image is to have: `normalize(f + dF)`."""
        return F.normalize(features + self.step(features)[0], dim=1)


def sample_goal(
    models: Models,
    prompt: Prompt,
    space: Space,
    strength: float = 1.0,
    count: int = 2000,
    text: TextEncoding = "prompt",
    on_step: OnStep = ignore,
) -> SampleGoal:
    """The goal of a prompt by `count` samples or more, in S or W; samples that are missing are rendered now."""
    samples = models_samples(models, count, on_step)
    classes = claim_classes(models, prompt, samples, text)
    return SampleGoal(class_means(models, samples, classes, space), strength, len(samples))


@torch.no_grad()
def class_means(models: Models, samples: Samples, classes: Sequence[ClaimClasses], space: Space) -> list[ClassMeans]:
    """The means of every claim, in W or S, on the device of the models; S is never held whole."""
    generator, w = models.generator, sample_w(models.generator, samples)
    labels = [sample_labels(each, samples).to(w.device) for each in classes]  # [N, K] each
    latents = [torch.zeros(each.shape[1], 0) for each in labels]
    for rows in torch.arange(len(w), device=w.device).split(ROWS):
        values = generator.to_space(Latent(Space.W, w[rows]), space).data if space is Space.S else w[rows]
        parts = [label[rows].T @ values for label in labels]
        latents = [part if not total.numel() else total + part for total, part in zip(latents, parts, strict=True)]
    features = samples.features.to(w)
    return [
        ClassMeans(each, label.T @ features, latent)
        for each, label, latent in zip(classes, labels, latents, strict=True)
    ]
