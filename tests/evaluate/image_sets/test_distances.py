"""FID and KID of fixed features, against their formulas in numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.evaluate.image_sets.distances import Moments, frechet_distance, kernel_distance


def random_features(count: int, seed: int, shift: float = 0.0, width: int = 24) -> Tensor:
    """Correlated features [count, width] of about unit variance."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(width, width)) / width**0.5
    return torch.from_numpy(rng.normal(size=(count, width)) @ mix + shift).float()


def reference_frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 6 of Heusel et al. with scipy's matrix root, as in pytorch-fid."""
    covariances = [np.cov(each, rowvar=False) for each in (x, y)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    apart = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    return float(apart + np.trace(covariances[0] + covariances[1] - 2 * root))


def reference_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 4 of Binkowski et al., pair by pair."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    within = [
        sum(kernel(a, b) for i, a in enumerate(each) for j, b in enumerate(each) if i != j)
        / len(each)
        / (len(each) - 1)
        for each in (x, y)
    ]
    return within[0] + within[1] - 2 * sum(kernel(a, b) for a in x for b in y) / len(x) / len(y)


@pytest.mark.parametrize(("count", "shift"), [(200, 0.0), (60, 0.3), (10, 0.3)])  # 10 images: singular covariances
def test_frechet_distance_is_that_of_scipy(count: int, shift: float) -> None:
    x, y = random_features(200, 1), random_features(count, 2, shift)
    expected = reference_frechet(x.double().numpy(), y.double().numpy())
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(Moments.of(x), y) == frechet_distance(x, y)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)


def test_kernel_distance_is_the_unbiased_estimate() -> None:
    x, y = random_features(40, 3), random_features(30, 4, 0.2)
    expected = reference_mmd(x.double().numpy(), y.double().numpy())
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-4)
    same = [kernel_distance(random_features(40, 2 * i), random_features(40, 2 * i + 1)) for i in range(30)]
    assert abs(np.mean(same)) < 2 * np.std(same) / 30**0.5 and min(same) < 0


def test_many_images_are_compared_by_subsets() -> None:
    x, y = random_features(300, 5), random_features(300, 6, 0.2)
    whole, drawn = kernel_distance(x, y), kernel_distance(x, y, subsets=40, subset_size=100)
    assert drawn == pytest.approx(whole, rel=0.1) and drawn != whole
    assert drawn == kernel_distance(x, y, subsets=40, subset_size=100)
    assert kernel_distance(x, y, subsets=1, subset_size=300) == whole


def test_one_image_has_no_distance() -> None:
    one, two = random_features(1, 1), random_features(2, 2)
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(UsageError, match="at least 2 images in each; pass more"):
            distance(one, two)
