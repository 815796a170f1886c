"""Samples of a generator as CLIP sees them, and linear fits of latents to CLIP's features, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from styleclip.latents import Space
from styleclip.runtime.image_by_image import row_products


@dataclass(frozen=True, eq=False)
class Regression:
    """Linear fit of latents to CLIP's features (ridge regression): `latent - mean = (f - feature_mean) @ matrix`.

    `matrix = (F'F / N + ridge * m * I)^-1 F'Y / N`, with the centred unit features F [N, D], the centred latents
    Y [N, C] and m, the mean of the diagonal of F'F / N. All tensors are float32 on the CPU.

    Args:
        space: the space of the latents, W (C = w_dim) or S.
        matrix: [D, C].
        feature_mean: [D], the mean of the features.
        mean: [C], the mean of the latents.
        std: [C], the standard deviation of the latents.
        ridge: lambda, the strength of the shrinkage.
        explained: the share of the variance of held-out latents that the fit explains: 1 for all of it, below 0 where
            the mean latent would be closer.
        samples: N.

    Example:
        fit = fit_regression(models.generator, see_samples(models, 2000), Space.S)
        step = fit(delta_t)    # [C], how S moves when CLIP's feature moves by delta_t [D]
    """

    space: Space
    matrix: Tensor
    feature_mean: Tensor
    mean: Tensor
    std: Tensor
    ridge: float
    explained: float
    samples: int

    def __call__(self, delta: Tensor) -> Tensor:
        """The step [.., C] of the latent for a step [.., D] of CLIP's feature, on the device of `delta`."""
        return row_products(delta, self.matrix.to(delta))


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples of a generator as CLIP sees them.

    The latents are not kept, because they follow from `seed` and `psi` (`stylespace.samples.sample_w`).

    Args:
        features: [N, D], CLIP's unit features of the images, float32 on the CPU.
        seed: the seed of z (`stylespace.statistics.sample_z`).
        psi: truncation of w.
        about: the record of how the images were made: generator, CLIP, precision, resolution.
        fits: the regressions of all N samples that their file holds, by space.

    Example:
        samples = see_samples(models, 2000)
        w = sample_w(models.generator, samples)    # [2000, w_dim], row n belongs to samples.features[n]
    """

    features: Tensor
    seed: int = 5
    psi: float = 1.0
    about: Mapping[str, Any] = field(default_factory=dict)
    fits: Mapping[Space, Regression] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.features)

    def first(self, count: int) -> Samples:
        """The first `count` of these samples; the fits belong to all of them and are left out."""
        return self if count == len(self) else replace(self, features=self.features[:count], fits={})
