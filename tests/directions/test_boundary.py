"""Linear boundaries: scikit-learn's by the published recipe, what was planted by regression, and conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.directions.boundary import condition, fit_boundary
from styleclip.directions.linear_ridge import fit_ridge
from styleclip.directions.linear_svm import fit_linear_svm
from styleclip.directions.settings import BoundarySettings
from styleclip.errors import UsageError

GOLDEN = Path(__file__).parents[1] / "golden" / "interfacegan_boundary.npz"  # by scikit-learn 1.9.1, tol=1e-10
LIBSVM = 2e-6  # libsvm keeps its products of points in float32
CASES = {  # seed, N, w_dim, noise, ratio
    "separable": (1, 1000, 32, 0.1, 0.1),
    "published": (2, 500, 256, 0.5, 0.02),
    "overlapping": (3, 300, 8, 1.5, 0.5),
}


def planted(seed: int, count: int, w_dim: int, noise: float) -> tuple[Tensor, Tensor, Tensor]:
    """Latents [N, w_dim], scores [N] that rise along a unit normal [w_dim], and that normal."""
    rng = np.random.RandomState(seed)
    latents, normal = rng.randn(count, w_dim), rng.randn(w_dim)
    normal /= np.linalg.norm(normal)
    scores = latents @ normal + noise * rng.randn(count)
    return torch.from_numpy(latents), torch.from_numpy(scores), torch.from_numpy(normal)


def svm(ratio: float = 0.02, **more: float) -> BoundarySettings:
    return BoundarySettings("svm", ratio, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_the_published_boundary_is_that_of_scikit_learn(case: str) -> None:
    *made, ratio = CASES[case]
    latents, scores, _ = planted(*made)  # type: ignore[arg-type]
    found = fit_boundary(latents, scores, svm(ratio))
    with np.load(GOLDEN) as golden:
        normal, (intercept, validation, remaining, trained) = golden[f"{case}.normal"], golden[f"{case}.numbers"]
    np.testing.assert_allclose(found.normal, normal, atol=LIBSVM)
    assert found.normal.dtype == torch.float64 and found.normal.norm().item() == pytest.approx(1, abs=1e-12)
    assert found.intercept == pytest.approx(intercept, abs=LIBSVM) and found.trained == 2 * trained
    assert found.validation == validation
    assert (found.remaining is None) if np.isnan(remaining) else (found.remaining == remaining)


def test_the_positive_side_has_more() -> None:
    latents, scores, normal = planted(4, 400, 16, 0.1)
    for settings in (svm(0.1, split=1.0), BoundarySettings()):
        found, reverse = fit_boundary(latents, scores, settings), fit_boundary(latents, -scores, settings)
        assert found.normal @ normal > 0.9 and found.upper > 0 > found.lower
        assert torch.allclose(found.normal, -reverse.normal, atol=1e-6)


def test_an_svm_is_the_optimum_wherever_its_points_lie() -> None:
    latents, scores, _ = planted(5, 60, 12, 1.0)
    labels = scores > 0
    normal, intercept = fit_linear_svm(latents, labels)
    far, far_intercept = fit_linear_svm(latents + 100, labels)
    assert torch.allclose(far, normal, atol=1e-7) and far_intercept == pytest.approx(intercept - 100 * normal.sum())

    def objective(w: Tensor, b: float) -> float:
        margins = torch.where(labels, 1.0, -1.0) * (latents @ w + b)
        return (w.square().sum() / 2 + (1 - margins).clamp(min=0).sum()).item()

    least, rng = objective(normal, intercept), torch.Generator().manual_seed(0)
    for size in (1e-1, 1e-2, 1e-3):
        nudge = size * torch.randn(13, generator=rng, dtype=torch.float64)
        assert objective(normal + nudge[:12], intercept + nudge[12].item()) > least


def test_c_counts_samples_on_the_wrong_side() -> None:
    latents, scores, _ = planted(6, 80, 4, 1.0)
    normal, _ = fit_linear_svm(latents, scores > 0, c=1.0)
    softer, _ = fit_linear_svm(latents, scores > 0, c=1e-3)
    assert softer.norm() < 0.5 * normal.norm()


def test_the_split_follows_from_its_seed() -> None:
    latents, scores, _ = planted(7, 400, 8, 0.5)
    first, again, other = (fit_boundary(latents, scores, svm(0.1, split_seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first.normal, again.normal) and not torch.allclose(first.normal, other.normal, atol=1e-3)


def test_a_regression_is_ridge_regression() -> None:
    latents, scores, normal = planted(8, 300, 12, 0.3)
    fit = fit_ridge(latents, scores)
    x, y = (each.numpy() - each.numpy().mean(0) for each in (latents, scores))
    covariance = x.T @ x / 300
    expected = np.linalg.solve(covariance + fit.ridge * np.trace(covariance) / 12 * np.eye(12), x.T @ y / 300)
    np.testing.assert_allclose(fit.weight, expected, atol=1e-9)
    assert 0.8 < fit.explained <= 1 and (fit.foretold - scores).square().mean() < 0.2
    found = fit_boundary(latents, scores)
    assert found.normal @ normal > 0.99 and found.trained == 300 and found.validation and found.validation > 0.85
    middle = (scores.max() + scores.min()) / 2
    near = (latents @ found.normal + found.intercept).abs() < 0.05
    assert near.any() and (scores[near] - middle).abs().max() < 1.2


def test_the_sides_are_means_weighed_by_score() -> None:
    latents = torch.eye(20, dtype=torch.float64)[:, :1].repeat(1, 3) * torch.tensor([1.0, 2.0, 0.0])
    latents[:10] += torch.tensor([1.0, 0, 0])
    scores = torch.cat([torch.ones(10), torch.zeros(10)])
    found = fit_boundary(latents, scores)
    distance = latents @ found.normal + found.intercept
    assert found.upper == pytest.approx(distance[:10].mean().item())
    assert found.lower == pytest.approx(distance[10:].mean().item())


def test_conditions_are_projected_off() -> None:
    rng = torch.Generator().manual_seed(0)
    primal, one, two = (torch.randn(9, generator=rng, dtype=torch.float64) for _ in range(3))
    unit = primal / primal.norm()
    c1, c2 = one / one.norm(), two / two.norm()
    single = unit - (unit @ c1) * c1
    assert torch.allclose(condition(unit, [3 * c1]), single / single.norm(), atol=1e-12)
    p1, p2, c12 = unit @ c1, unit @ c2, c1 @ c2  # project_boundary of the published code
    both = unit - (p1 - p2 * c12) / (1 - c12**2) * c1 - (p2 - p1 * c12) / (1 - c12**2) * c2
    for conditions in ([c1, c2], [c2, c1], [c1, c2, c1 + c2]):
        assert torch.allclose(condition(unit, conditions), both / both.norm(), atol=1e-9)
    assert torch.allclose(condition(7 * unit, []), unit, atol=1e-12)
    with pytest.raises(UsageError, match=r"they leave 0.000 of it; leave one of the conditions out"):
        condition(unit, [one, primal])


def test_a_conditioned_boundary_lies_between_its_sides() -> None:
    latents, scores, normal = planted(9, 300, 6, 0.2)
    other = torch.zeros(6, dtype=torch.float64)
    other[2] = 5
    found = fit_boundary(latents, scores, conditions=[other])
    assert found.normal[2].abs() < 1e-9 and found.normal @ normal > 0.5
    assert found.upper == pytest.approx(-found.lower) and found.upper > 0


@pytest.mark.parametrize(
    ("scores", "settings", "sentence"),
    [
        (torch.full((50,), 0.25), BoundarySettings(), "all 50 scores are 0.25; pass those of an attribute that varies"),
        (torch.arange(50.0).sqrt() - float("nan"), svm(), "score 0 is nan; leave that sample out"),
        (torch.arange(50).double() * 1e300, BoundarySettings(), "the scores reach 4.9e[+]301, whose squares float64"),
        (torch.arange(50.0), svm(), "50 samples with ratio 0.02 leave 0 for each side of the boundary, which needs 2"),
        (torch.arange(50.0).clamp(max=1), svm(0.2), "the 10 highest and the 10 lowest scores meet at 1"),
        (torch.arange(49.0), BoundarySettings(), r"shape \[50, 4\] and the scores \[49\]"),
    ],
)
def test_bad_scores(scores: Tensor, settings: BoundarySettings, sentence: str) -> None:
    latents = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match=sentence):
        fit_boundary(latents, scores, settings)


def test_bad_latents_and_settings() -> None:
    with pytest.raises(UsageError, match="9 samples are too few for a boundary; pass at least 10"):
        fit_boundary(torch.randn(9, 4), torch.arange(9.0))
    with pytest.raises(UsageError, match="a latent is not finite"):
        fit_boundary(torch.full((20, 4), float("inf")), torch.arange(20.0))
    with pytest.raises(
        UsageError, match="the latents do not tell the scores; pass more samples, or scores of what these samples show"
    ):
        fit_boundary(torch.zeros(20, 4), torch.arange(20.0))
    with pytest.raises(UsageError, match="ratio is of the SVM; pass --fit svm with it, or leave it out"):
        BoundarySettings(ratio=0.1)
    with pytest.raises(UsageError, match="ratio is 0.6; it must be"):
        BoundarySettings(ratio=0.6)
