"""Refining in W+ on tiny random networks: the loss falls, images are independent of each other, and errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import NumericError, PhotoError, SpaceError, UsageError
from styleclip.inversion.losses import (
    LossWeights,
    ReconstructionLoss,
    pixel_loss,
    pyramid,
    reconstruction_scores,
    resize_target,
)
from styleclip.inversion.refine import LatentDistribution, Refine
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.progress import Step
from tests.helpers.tiny import tiny_models

QUICK = Refine(steps=20, lr=0.1)


class MeanDifference:
    """A stand-in for LPIPS."""

    def distance(self, image: Tensor, target: Tensor) -> Tensor:
        return (image - target).abs().mean(dim=(1, 2, 3))


def latents_and_pictures(models: Models, count: int = 2, seed: int = 3) -> tuple[Latent, Tensor]:
    """Latents in W+ and what they draw."""
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(count, models.generator.config.z_dim, generator=random)
    latent = models.generator.to_space(Latent(Space.Z, z), Space.W_PLUS)
    return latent, models.render(latent).clamp(-1, 1)


def perturb(latent: Latent, seed: int = 4) -> Latent:
    """A latent near this one, as an encoder gives it."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(latent.data.shape, generator=random)
    return Latent(latent.space, latent.data + 0.3 * latent.data.std() * noise)


def summed_loss(models: Models, target: Tensor, latent: Latent) -> Tensor:
    parts = ReconstructionLoss(models, target, LossWeights())(models.render(latent))
    return torch.stack([*parts.values()]).sum(dim=0)


@pytest.mark.parametrize("guessed", [True, False])
def test_the_loss_falls(guessed: bool) -> None:
    models, steps = tiny_models(), list[Step]()
    latent, target = latents_and_pictures(models)
    start = perturb(latent) if guessed else None
    found = QUICK(models, target, start, steps.append)
    average = Latent(Space.W_PLUS, models.generator.w_avg.expand_as(latent.data))
    assert found.space is Space.W_PLUS and found.data.shape == latent.data.shape and not found.data.requires_grad
    assert (summed_loss(models, target, found) < 0.7 * summed_loss(models, target, start or average)).all()
    assert [step.index for step in steps] == list(range(1, 21)) and {step.total for step in steps} == {20}
    assert steps[0].values.keys() == {"loss", "pixel", "identity", "average"}
    assert torch.equal(steps[-1].latent.data, found.data)


@pytest.mark.parametrize("guessed", [True, False])
def test_an_image_does_not_depend_on_its_neighbours(guessed: bool) -> None:
    models = tiny_models()
    latent, target = latents_and_pictures(models, count=3)
    start = perturb(latent)
    together = QUICK(models, target, start if guessed else None)
    alone = QUICK(models, target[1:2], start[1] if guessed else None)
    torch.testing.assert_close(together.data[1:2], alone.data, atol=1e-5, rtol=1e-5)


def test_it_is_never_worse_than_its_start() -> None:
    models = tiny_models()
    latent, target = latents_and_pictures(models)
    for lr in (0.0, 50.0):
        found = replace(QUICK, lr=lr, lambda_average=0.0)(models, target, latent)
        assert (summed_loss(models, target, found) <= summed_loss(models, target, latent) + 1e-6).all()
    torch.testing.assert_close(replace(QUICK, lr=0.0)(models, target, latent).data, latent.data)


def test_the_average_pulls() -> None:
    models = tiny_models()
    latent, target = latents_and_pictures(models)
    runs = [replace(QUICK, lambda_average=weight)(models, target, perturb(latent)) for weight in (0.0, 0.3, 10.0)]
    away = [LatentDistribution.of(models.generator).distance(run).mean().item() for run in runs]
    assert away[0] > away[1] > away[2]


def test_samples_are_about_one_from_the_mean() -> None:
    models = tiny_models()
    latent, _ = latents_and_pictures(models, count=500)
    mean = Latent(Space.W_PLUS, latent.data.mean(dim=0, keepdim=True))
    distribution = LatentDistribution.of(models.generator)
    spread = replace(distribution, mean=mean.data).distance(latent).mean().item()
    assert spread == pytest.approx(1, abs=0.15)
    average = Latent(Space.W, models.generator.w_avg[None])
    assert distribution.distance(models.generator.to_space(average, Space.W_PLUS)).item() == 0


def test_a_run_is_reproducible_and_the_noise_has_a_seed() -> None:
    models = tiny_models()
    _, target = latents_and_pictures(models)
    runs = [replace(QUICK, seed=seed)(models, target).data for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_every_network_is_frozen_and_may_be_absent() -> None:
    models = tiny_models(perceptual=MeanDifference)
    latent, target = latents_and_pictures(models)
    steps = list[Step]()
    QUICK(models, target, latent, steps.append)
    assert "perceptual" in steps[0].values
    assert all(p.grad is None for p in models.generator.parameters())
    replace(QUICK, lambda_perceptual=0.0, lambda_identity=0.0, lambda_average=0.0)(models, target, latent, steps.append)
    assert steps[-1].values.keys() == {"loss", "pixel"}


def test_nan_is_one_sentence() -> None:
    models = tiny_models()
    _, target = latents_and_pictures(models)
    models.generator.synthesis.get_parameter("b16.torgb.bias").fill_(torch.nan)
    with pytest.raises(NumericError, match="became nan at step 0; lower"):
        QUICK(models, target)


def test_what_makes_no_sense_is_refused() -> None:
    models = tiny_models()
    latent, target = latents_and_pictures(models)
    bad: list[tuple[Any, type[Exception], str]] = [
        (lambda: QUICK(models, target[:1], latent), UsageError, "1 pictures cannot start from 2 latents"),
        (lambda: QUICK(models, target[:, :1]), UsageError, "pass square pictures"),
        (lambda: QUICK(models, target[..., :4]), UsageError, "pass square pictures"),
        (lambda: QUICK(models, target / 0.0 * 0.0), PhotoError, "read the picture again"),
        (lambda: QUICK(models, target, Latent(Space.S, torch.ones(2, 9))), SpaceError, "shape"),
    ]
    for call, error, words in bad:
        with pytest.raises(error, match=words):
            call()


@pytest.mark.parametrize("field", ["steps", "lr", "explore", "lambda_pixel", "lambda_average"])
def test_senseless_settings_are_refused(field: str) -> None:
    with pytest.raises(UsageError, match=field):
        Refine(**{field: -1})


def test_a_target_is_brought_to_the_generator_once() -> None:
    models = tiny_models()
    _, target = latents_and_pictures(models)
    assert torch.equal(resize_target(models, target), target)
    for side in (4, 64, 100):
        grey = torch.full((2, 3, side, side), 0.3)
        torch.testing.assert_close(resize_target(models, grey), torch.full_like(target, 0.3))


def test_reduced_scales_halve_the_loss_of_a_shift() -> None:
    stripes = torch.zeros(1, 3, 16, 16)
    stripes[..., ::2] = 1.0
    shifted = stripes.roll(1, dims=-1)
    assert (stripes - shifted).square().mean() == 1 and pixel_loss(shifted, pyramid(stripes)).item() == 0.5


def test_scores_are_per_image() -> None:
    models = tiny_models(perceptual=MeanDifference)
    latent, target = latents_and_pictures(models)
    exact, worse = reconstruction_scores(models, target, torch.stack([target[0], -target[1]]))
    assert exact.keys() == {"l1", "l2", "lpips", "identity"}
    assert exact["l1"] == exact["l2"] == exact["lpips"] == 0 and exact["identity"] == pytest.approx(1)
    assert worse["l2"] == pytest.approx(4 * target[1].square().mean().item(), rel=1e-5)
    assert reconstruction_scores(tiny_models(identity=None), target, target)[0].keys() == {"l1", "l2"}
