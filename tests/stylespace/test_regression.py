"""Regression from CLIP's features to latents, against plain least squares and in worlds where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.progress import Step
from styleclip.samples import Samples
from styleclip.stylespace import regression as module
from styleclip.stylespace.regression import RIDGES, fit_regression, models_regression
from styleclip.stylespace.samples import sample_w, see_samples
from styleclip.stylespace.statistics import mean_and_std
from tests.helpers.tiny import tiny_models

MODELS = tiny_models()
GENERATOR = MODELS.generator
SAMPLES = see_samples(MODELS, 203)
SPACES = pytest.mark.parametrize("space", [Space.W, Space.S])


def latents(space: Space, samples: Samples = SAMPLES) -> Tensor:
    return GENERATOR.to_space(Latent(Space.W, sample_w(GENERATOR, samples)), space).data.double()


def centered(values: Tensor) -> Tensor:
    return values.double() - values.double().mean(dim=0)


def ridge_by_the_formula(features: Tensor, values: Tensor, ridge: float) -> Tensor:
    """A of stacked data, in float64."""
    f, y = centered(features), centered(values)
    gram = f.T @ f / len(f)
    return torch.linalg.solve(gram + ridge * gram.diagonal().mean() * torch.eye(len(gram)).double(), f.T @ y / len(f))


def explained_by_the_loop(features: Tensor, values: Tensor, ridge: float) -> float:
    """Held-out variance of channels in their deviations, fold by fold, from the rows."""
    scaled = values / values.std(dim=0, correction=0)
    residual = total = 0.0
    for held in torch.arange(len(features)).tensor_split(5):
        kept = torch.ones(len(features), dtype=torch.bool)
        kept[held] = False
        matrix = ridge_by_the_formula(features[kept], scaled[kept], ridge)
        y = scaled[held] - scaled[kept].mean(dim=0)
        f = features[held].double() - features[kept].double().mean(dim=0)
        residual, total = residual + (y - f @ matrix).square().sum().item(), total + y.square().sum().item()
    return 1 - residual / total


# --- the fit


@SPACES
@pytest.mark.parametrize("rows", [1000, 17])
def test_without_ridge_it_is_least_squares(space: Space, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    fit = fit_regression(GENERATOR, SAMPLES, space, ridge=0.0)
    expected = torch.linalg.lstsq(centered(SAMPLES.features), centered(latents(space))).solution
    torch.testing.assert_close(fit.matrix.double(), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_without_ridge_and_with_few_samples_it_is_the_smallest_fit() -> None:
    few = SAMPLES.first(10)  # of 10 features, which are centered
    fit = fit_regression(GENERATOR, few, Space.W, ridge=0.0)
    smallest = torch.linalg.pinv(centered(few.features)) @ centered(latents(Space.W, few))
    torch.testing.assert_close(fit.matrix.double(), smallest, rtol=0, atol=1e-5 * smallest.abs().max().item())


@SPACES
@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_with_ridge_it_is_the_formula(space: Space, ridge: float) -> None:
    fit = fit_regression(GENERATOR, SAMPLES, space, ridge)
    values = latents(space)
    expected = ridge_by_the_formula(SAMPLES.features, values, ridge)
    torch.testing.assert_close(fit.matrix.double(), expected, rtol=0, atol=1e-5 * expected.abs().max().item())
    assert fit.explained == pytest.approx(explained_by_the_loop(SAMPLES.features, values, ridge), abs=1e-9)
    assert (fit.space, fit.ridge, fit.samples) == (space, ridge, 203)


@SPACES
def test_means_and_deviations(space: Space) -> None:
    fit, values = fit_regression(GENERATOR, SAMPLES, space), latents(space)
    spread = mean_and_std([values])
    torch.testing.assert_close(fit.mean, spread.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(fit.std, spread.std, rtol=0, atol=1e-6)
    torch.testing.assert_close(fit.feature_mean, SAMPLES.features.mean(dim=0), rtol=0, atol=1e-6)
    assert {tensor.dtype for tensor in (fit.matrix, fit.mean, fit.std, fit.feature_mean)} == {torch.float32}


@SPACES
def test_the_ridge_is_chosen_by_held_out_samples(space: Space) -> None:
    fit, values = fit_regression(GENERATOR, SAMPLES, space), latents(space)
    by_ridge = {ridge: explained_by_the_loop(SAMPLES.features, values, ridge) for ridge in RIDGES}
    assert fit.ridge == pytest.approx(max(by_ridge, key=lambda ridge: by_ridge[ridge]))
    assert fit.explained == pytest.approx(max(by_ridge.values()), abs=1e-9)


def test_a_channel_that_does_not_vary_counts_for_nothing() -> None:
    """Its deviation is exactly 0, and its row of the matrix, too."""
    generator = tiny_models().generator
    first = generator.layout.entries[0]
    generator.synthesis.get_parameter(f"{first.name}.affine.weight")[2] = 0
    fit = fit_regression(generator, SAMPLES, Space.S)
    assert fit.std[2] == 0 and not fit.matrix[:, 2].any() and fit.std[3] > 0 and fit.matrix.isfinite().all()


def test_latents_that_do_not_vary_explain_nothing() -> None:
    still = replace(SAMPLES, psi=0.0)
    fit = fit_regression(GENERATOR, still, Space.W)
    assert fit.explained == 0 and not fit.matrix.any() and not fit.std.any()


def test_steps_count_samples() -> None:
    steps: list[Step] = []
    fit_regression(GENERATOR, SAMPLES, Space.W, on_step=steps.append)
    assert [(step.index, step.total) for step in steps] == [(n, 203) for n in (41, 82, 123, 163, 203)]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"space": Space.Z}, SpaceError, "gives w or s, not z; fit one of these"),
        ({"samples": SAMPLES.first(9)}, UsageError, "9 samples are too few for a regression; draw at least 10"),
        ({"ridge": -0.1}, UsageError, "ridge is -0.1; it must be 0 or more"),
    ],
)
def test_what_cannot_be_fitted(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    arguments: dict[str, Any] = {"samples": SAMPLES, "space": Space.W, "ridge": None} | changes
    with pytest.raises(error, match=words):
        fit_regression(GENERATOR, **arguments)


# --- a planted world


def planted(count: int, noise: float, seed: int = 0) -> tuple[Samples, Tensor]:
    """Samples whose features depend on w linearly, up to noise, and the matrix [D, w_dim] that leads back."""
    source = torch.Generator().manual_seed(seed)
    drawn = Samples(torch.empty(count, 20), seed=9)
    w = sample_w(GENERATOR, drawn).double()
    axes = torch.linalg.qr(torch.randn(20, w.shape[1], generator=source).double()).Q  # [20, w_dim], orthonormal
    features = w @ axes.T + 3.0 + noise * w.std() * torch.randn(count, 20, generator=source)
    return replace(drawn, features=features.float()), axes


def test_a_planted_world_is_recovered() -> None:
    samples, axes = planted(500, noise=0.0)
    fit = fit_regression(GENERATOR, samples, Space.W)
    assert fit.ridge == pytest.approx(RIDGES[0]) and fit.explained > 0.999
    torch.testing.assert_close(fit(axes.T.float()), torch.eye(axes.shape[1]), rtol=0, atol=1e-3)


def test_a_planted_direction_is_found_under_noise() -> None:
    """More noise needs more ridge, and the step along an axis of w still is that axis."""
    ridges, cosines = [], []
    for noise in (0.1, 0.5):
        samples, axes = planted(4000, noise)
        fit = fit_regression(GENERATOR, samples, Space.W)
        ridges.append(fit.ridge)
        whitened = fit(axes.T.float()) / fit.std
        target = torch.diag(1 / fit.std)
        cosines.append(torch.nn.functional.cosine_similarity(whitened, target).min().item())
    assert ridges[0] <= ridges[1] and cosines[0] > 0.95 and cosines[1] > 0.5


def test_a_step_stays_on_its_device_and_in_its_shape() -> None:
    fit = fit_regression(GENERATOR, SAMPLES, Space.S)
    delta = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    assert fit(delta).shape == (3, GENERATOR.layout.size) and fit(delta[0]).shape == (GENERATOR.layout.size,)
    torch.testing.assert_close(fit(2 * delta), 2 * (delta @ fit.matrix))


# --- models_regression


def test_a_fit_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    models = tiny_models()
    fit = models_regression(models, SAMPLES, Space.W)
    assert models_regression(models, SAMPLES, Space.W) is fit
    assert models_regression(models, SAMPLES, Space.S) is not fit
    assert models_regression(models, SAMPLES.first(50), Space.W).samples == 50
    monkeypatch.setattr(module, "fit_regression", None)
    stored = replace(SAMPLES, fits={Space.W: fit})
    assert models_regression(models, stored, Space.W) is fit
