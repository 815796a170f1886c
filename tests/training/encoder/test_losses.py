"""What an encoder is taught by: settings, batches, losses, and the discriminator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.models import Models
from styleclip.networks.discriminator import LatentDiscriminator
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.training.encoder import trainer as module
from styleclip.training.encoder.data import EncoderBatches, random_stream
from styleclip.training.encoder.losses import EncoderLosses
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.trainer import EncoderTrainer, new_encoder
from tests.helpers.encoder_training import FEW, LOSS_TERMS, with_only
from tests.helpers.support import is_one_sentence
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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        *(({name: 0}, f"{name} is 0; it must be at least 1") for name in ("steps", "held_out", "evaluate_every")),
        *(({name: -0.1}, f"{name} is -0.1; it must be a finite") for name in ("lr", "lambda_id", "jitter", "leak")),
        ({"samples": 1.5}, "samples is 1.5; it must be a finite number, 0 or more and at most 1"),
        ({"decay": 1.0}, "decay is 1.0; it must be below 1"),
        *(({"frame": side}, f"frame is {side}; it must be a power of 2, at least 16") for side in (8, 48)),
        ({"widths": (1, 2, 3)}, "widths are (1, 2, 3); give the channels of the 4 stages"),
        ({"widths": (1, 2, 3, 0)}, "give the channels of the 4 stages"),
        ({"kind": "restyle"}, "kind is 'restyle'; choose one of e4e, psp"),
        ({"leak": 2.0}, "leak is 2.0; it must be a finite number, 0 or more and at most 1"),
        *(({"seed": seed}, f"seed is {seed}; it must be at least 0 and at most 4294967295") for seed in (-1, 2**32)),
        ({f"lambda_{name}": 0.0 for name in ("l2", "perceptual", "id", "latent")}, "nothing is asked for; give"),
        ({"batch_size": 1, "frame": 16}, "one picture of 16 px is no batch to normalise; raise batch_size"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        EncoderTraining(**settings)
    assert is_one_sentence(caught.value)


def test_random_numbers_belong_to_a_seed_a_purpose_and_a_step() -> None:
    streams = [
        torch.randn(2, generator=random_stream(replace(FEW, seed=seed), purpose, step)).tolist()
        for seed in (0, 1, 2**32 - 1)
        for purpose in ("photos", "samples")
        for step in (0, 1)
    ]
    assert len({tuple(stream) for stream in streams}) == 12
    assert torch.randn(2, generator=random_stream(FEW, "photos", 0)).tolist() == streams[0]


def test_offsets_join_one_by_one() -> None:
    training = replace(FEW, steps=64, deltas_from=0.25, deltas_every=0.125)
    assert [training.active_deltas(step, 5) for step in (0, 15, 16, 23, 24, 47, 48, 63)] == [0, 0, 1, 1, 2, 4, 5, 5]
    assert [replace(training, deltas_every=0.0).active_deltas(step, 5) for step in (15, 16)] == [0, 5]
    assert replace(training, deltas_every=1e-320).active_deltas(50, 5) == 5
    assert replace(training, deltas_from=1.0).active_deltas(63, 5) == 0


# --- losses


def new_critic() -> LatentDiscriminator:
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


def test_a_term_is_there_when_it_counts(compute: Any) -> None:
    """Also the numbers are as large as their weights say."""
    whole, _ = compute(with_only(**dict.fromkeys(LOSS_TERMS, 1.0)))
    assert whole.keys() == {"l2", "perceptual", "identity", "delta", "adversary", "latent"}
    for name in ("l2", "perceptual", "id", "latent"):
        [(_, loss)] = compute(with_only(**{name: 0.5}))[0].items()
        torch.testing.assert_close(loss, 0.5 * whole["identity" if name == "id" else name])
    assert compute(with_only(l2=1.0, delta=1.0))[0].keys() == {"l2", "delta"}
    assert compute(with_only(l2=1.0, delta=1.0), step=0)[0].keys() == {"l2"}, "no offset has joined"
    assert compute(replace(with_only(l2=1.0, delta=1.0), kind="psp"))[0].keys() == {"l2"}, "pSp has no offsets"


def test_what_does_not_count_is_not_run(compute: Any) -> None:
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
    losses, critic = EncoderLosses(models, FEW), new_critic()
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
    batches = EncoderBatches(models, None, FEW)
    real = batches.sample_w("critic", 0, 64)
    codes = (1.5 * real + 1).reshape(-1, 4, 8).requires_grad_(True)
    for _ in range(60):
        optimizer.zero_grad()
        losses.discriminator_loss(critic, codes, real, penalised=False).backward()
        optimizer.step()
    fresh = batches.sample_w("critic", 1, 64)
    assert (critic(fresh) > 0).float().mean() > 0.8 and (critic(1.5 * fresh + 1) < 0).float().mean() > 0.8
    assert codes.grad is None, "the encoder is not taught by the loss of the discriminator"


def test_the_penalty_is_that_of_the_paper() -> None:
    """R1: half of its weight times the mean squared slope at real w."""
    models, training = tiny_models(), replace(FEW, r1=3.0)
    losses, critic, real = (
        EncoderLosses(models, training),
        new_critic(),
        torch.randn(5, 8, generator=random_stream(FEW, "w", 0)),
    )
    plain, penalised = (losses.discriminator_loss(critic, real[None], real, each) for each in (False, True))
    slopes = [torch.autograd.functional.jacobian(lambda w: critic(w[None])[0, 0], each) for each in real]
    expected = 1.5 * torch.stack([slope.square().sum() for slope in slopes]).mean()
    torch.testing.assert_close(penalised - plain, expected)


@pytest.mark.parametrize(("r1", "steps"), [(10.0, [True, False, True, False]), (0.0, [False] * 4)])
def test_the_penalty_comes_now_and_then(monkeypatch: pytest.MonkeyPatch, r1: float, steps: list[bool]) -> None:
    monkeypatch.setattr(module, "R1_EVERY", 2)
    trainer = EncoderTrainer(tiny_models(), None, replace(with_only(latent=1.0, adversary=0.1), r1=r1), None)
    asked, discriminator_loss = [], trainer.losses.discriminator_loss
    monkeypatch.setattr(
        trainer.losses, "discriminator_loss", lambda *given: asked.append(given[3]) or discriminator_loss(*given)
    )
    before = torch.cat([parameter.flatten().clone() for parameter in trainer.discriminator.parameters()])
    assert all("critic" in trainer.step(step) for step in range(4)) and asked == steps
    assert not torch.equal(torch.cat([parameter.flatten() for parameter in trainer.discriminator.parameters()]), before)
