"""The losses of an encoder and of its discriminator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.models import Models
from styleclip.networks.discriminator import LatentDiscriminator
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.training.encoder.data import EncoderBatches, random_stream
from styleclip.training.encoder.losses import EncoderLosses
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.trainer import new_encoder
from tests.helpers.encoder_training import FEW, LOSS_TERMS, with_only
from tests.helpers.tiny import tiny_models


class Pixels(FaceRecogniser):
    """A recogniser, or LPIPS, that counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def resize_crop(self, image: Tensor) -> None:
        """The picture as it is."""

    def encode_pixels(self, seen: Tensor) -> Tensor:
        self.calls += 1
        return F.normalize(seen.flatten(1), dim=1)

    def distance(self, image: Tensor, target: Tensor) -> Tensor:
        self.calls += 1
        return (image - target).abs().mean(dim=(1, 2, 3))


# --- settings


def test_random_numbers_belong_to_a_seed_a_purpose_and_a_step() -> None:
    streams = [
        torch.randn(2, generator=random_stream(replace(FEW, seed=seed), purpose, step)).tolist()
        for seed in (0, 1, 2**32 - 1)
        for purpose in ("photos", "samples")
        for step in (0, 1)
    ]
    assert len({tuple(stream) for stream in streams}) == 12
    assert torch.randn(2, generator=random_stream(FEW, "photos", 0)).tolist() == streams[0]


# --- losses


def new_discriminator() -> LatentDiscriminator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LatentDiscriminator(8)


@pytest.fixture
def compute() -> Callable[..., tuple[dict[str, Tensor], Models]]:
    def computed(training: EncoderTraining, step: int = 3, **parts: Any) -> tuple[dict[str, Tensor], Models]:
        models = tiny_models(**parts)
        images, known = EncoderBatches(models, None, training).at(step)
        encoder = new_encoder(training, models.generator).train()
        losses, _ = EncoderLosses(models, training)(encoder, LatentDiscriminator(8), images, known, step)
        return losses, models

    return computed


def test_terms_with_a_weight_are_computed(compute: Any) -> None:
    """Also the numbers are as large as their weights say."""
    whole, _ = compute(with_only(**dict.fromkeys(LOSS_TERMS, 1.0)))
    assert whole.keys() == {"l2", "perceptual", "identity", "delta", "adversary", "latent"}
    for name in ("l2", "perceptual", "id", "latent"):
        [(_, loss)] = compute(with_only(**{name: 0.5}))[0].items()
        torch.testing.assert_close(loss, 0.5 * whole["identity" if name == "id" else name])
    assert compute(with_only(l2=1.0, delta=1.0))[0].keys() == {"l2", "delta"}
    assert compute(with_only(l2=1.0, delta=1.0), step=0)[0].keys() == {"l2"}, "no offset has joined"
    assert compute(replace(with_only(l2=1.0, delta=1.0), kind="psp"))[0].keys() == {"l2"}, "pSp has no offsets"


def test_terms_without_a_weight_are_not_run(compute: Any) -> None:
    for own, identity, perceptual in (({"id": 1.0}, 2, 0), ({"perceptual": 1.0}, 0, 1), ({"l2": 1.0}, 0, 0)):
        person, look = Pixels(), Pixels()
        compute(with_only(**own), identity=person, perceptual=lambda look=look: look)
        assert (person.calls, look.calls) == (identity, perceptual)
    assert compute(with_only(latent=1.0), clip=None, identity=None)[0].keys() == {"latent"}


def test_clip_stands_in(compute: Any) -> None:
    """For a recogniser and for LPIPS, where they are absent; then both terms are one."""
    losses, models = compute(with_only(id=1.0, perceptual=1.0), identity=None)
    torch.testing.assert_close(losses["identity"], losses["perceptual"])
    real, _ = compute(with_only(id=1.0, perceptual=1.0), identity=Pixels(), perceptual=lambda: Pixels())
    assert abs(real["identity"] - losses["identity"]) > 1e-4 and abs(real["perceptual"] - losses["perceptual"]) > 1e-4


def test_the_discriminator_tells_codes_from_w() -> None:
    models = tiny_models()
    losses, discriminator = EncoderLosses(models, FEW), new_discriminator()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    batches = EncoderBatches(models, None, FEW)
    real = batches.sample_w("critic", 0, 64)
    codes = (1.5 * real + 1).reshape(-1, 4, 8).requires_grad_(True)
    for _ in range(60):
        optimizer.zero_grad()
        losses.discriminator_loss(discriminator, codes, real, penalised=False).backward()
        optimizer.step()
    fresh = batches.sample_w("critic", 1, 64)
    assert (discriminator(fresh) > 0).float().mean() > 0.8 and (discriminator(1.5 * fresh + 1) < 0).float().mean() > 0.8
    assert codes.grad is None, "the encoder is not taught by the loss of the discriminator"


def test_the_penalty_is_that_of_the_paper() -> None:
    """R1: half of its weight times the mean squared slope at real w."""
    models, training = tiny_models(), replace(FEW, r1=3.0)
    losses, discriminator, real = (
        EncoderLosses(models, training),
        new_discriminator(),
        torch.randn(5, 8, generator=random_stream(FEW, "w", 0)),
    )
    plain, penalised = (losses.discriminator_loss(discriminator, real[None], real, each) for each in (False, True))
    slopes = [torch.autograd.functional.jacobian(lambda w: discriminator(w[None])[0, 0], each) for each in real]
    expected = 1.5 * torch.stack([slope.square().sum() for slope in slopes]).mean()
    torch.testing.assert_close(penalised - plain, expected)
