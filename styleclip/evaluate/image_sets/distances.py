"""Distances of two sets of images by their features: Frechet distance and squared maximum mean discrepancy.

With the features of Inception they are FID (Heusel et al. 2017, "GANs trained by a two time-scale update rule") and
KID (Binkowski et al. 2018, "Demystifying MMD GANs").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.errors import UsageError

KERNEL_DEGREE = 3  # KID's kernel: (x . y / D + 1)^3
SUBSETS, SUBSET_SIZE = 100, 1000  # of KID, where a set has more images
SUBSET_SEED = 0
MIN_IMAGES = 2  # a covariance and an unbiased estimate need two


@dataclass(frozen=True)
class Moments:
    """Mean [D] and covariance of features, in float64; the unbiased covariance [D, D] is `factor.T @ factor`."""

    mean: Tensor
    factor: Tensor  # [K, D], where K is the smaller of D and the number of images

    @staticmethod
    def of(features: Tensor) -> Moments:
        """The moments of features [N, D]; raises UsageError for fewer than two."""
        x = check_features(features)
        centered = (x - x.mean(dim=0)) / (len(x) - 1) ** 0.5
        factor = torch.linalg.qr(centered, mode="r").R if len(x) > x.shape[1] else centered
        return Moments(x.mean(dim=0), factor)


def frechet_distance(a: Tensor | Moments, b: Tensor | Moments) -> float:
    """`|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))` of features [N, D] and [M, D], or of their moments.

    With C = F^T F the trace of the root is the sum of the singular values of F_a F_b^T, which needs no root of a
    singular matrix where a set has fewer images than features. The distance is biased: of few images it is larger than
    of many. Raises UsageError for fewer than two images.
    """
    p, q = (each if isinstance(each, Moments) else Moments.of(each) for each in (a, b))
    root_trace = torch.linalg.svdvals(p.factor @ q.factor.T).sum()
    spread = p.factor.square().sum() + q.factor.square().sum() - 2 * root_trace
    return float((p.mean - q.mean).square().sum() + spread)


def kernel_distance(
    a: Tensor, b: Tensor, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = SUBSET_SEED
) -> float:
    """The unbiased squared maximum mean discrepancy of features [N, D] and [M, D] under KID's kernel.

    Of sets with more than `subset_size` images it is the mean over `subsets` random subsets of both, as in KID. It may
    be a little below 0. Raises UsageError for fewer than two images.
    """
    x, y = check_features(a), check_features(b)
    if max(len(x), len(y)) <= subset_size:
        return float(squared_mmd(x, y))
    rng = torch.Generator().manual_seed(seed)
    size = min(len(x), len(y), subset_size)
    return float(
        torch.stack([squared_mmd(_subset(x, size, rng), _subset(y, size, rng)) for _ in range(subsets)]).mean()
    )


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """The unbiased estimate of equation 4 of Binkowski et al. for features [N, D] and [M, D]."""
    within = [(k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1)) for k in (_kernel(x, x), _kernel(y, y))]
    return within[0] + within[1] - 2 * _kernel(x, y).mean()


def check_features(features: Tensor) -> Tensor:
    """The features [N, D] in float64 on the CPU; raises UsageError for fewer than two."""
    if len(features) < MIN_IMAGES:
        raise UsageError(f"a distance of sets needs at least {MIN_IMAGES} images in each; pass more seeds or photos")
    return features.detach().double().cpu()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** KERNEL_DEGREE


def _subset(x: Tensor, size: int, rng: torch.Generator) -> Tensor:
    return x[torch.randperm(len(x), generator=rng)[:size]]
