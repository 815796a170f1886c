"""Steps of an encoder: its offsets, its discriminator, its moving average and its initial weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleclip.networks.e4e import Encoder
from styleclip.networks.generator_config import GrownFrom
from styleclip.training.encoder import trainer as module
from styleclip.training.encoder.trainer import EncoderTrainer, new_encoder
from tests.helpers.encoder_training import (
    FEW,
    with_only,
)
from tests.helpers.tiny import tiny_models


def test_codes_of_early_steps_are_one_w() -> None:
    trainer = EncoderTrainer(tiny_models(), None, replace(FEW, steps=4, deltas_from=0.5, deltas_every=0.25), None)
    images, _ = trainer.batches.at(0)
    for step, joined in enumerate((0, 0, 1, 2)):
        codes, deltas = trainer.losses.codes(trainer.encoder, images, step)
        same = [torch.equal(codes[:, i], codes[:, 0]) for i in range(1, 6)]
        assert len(deltas) == joined and same == [False] * joined + [True] * (5 - joined)


def test_the_moving_average() -> None:
    """`decay` of what was and the rest of what is; early on, more of what is. Counters are taken as they are."""
    trainer = EncoderTrainer(tiny_models(), None, replace(with_only(latent=1.0), decay=0.3), None)
    expected = {name: tensor.clone() for name, tensor in trainer.averaged_encoder.state_dict().items()}
    for step, decay in enumerate((1 / 10, 2 / 11, 3 / 12, 0.3)):
        trainer.step(step)
        averaged = trainer.averaged_encoder.state_dict()
        for name, own in trainer.encoder.state_dict().items():
            kept = decay if own.is_floating_point() else 0
            expected[name] = kept * expected[name] + (1 - kept) * own
            torch.testing.assert_close(averaged[name].to(expected[name]), expected[name])


def test_training_starts_from_an_encoder(tmp_path: Path) -> None:
    """What it has learned is the beginning, to the counters of its normalisation."""
    start = new_encoder(FEW, tiny_models().generator)
    start.load_state_dict({name: each + 1 for name, each in start.state_dict().items()})
    trainer = EncoderTrainer(tiny_models(), None, FEW, start)
    expected = start.state_dict()
    for network in (trainer.encoder, trainer.averaged_encoder):
        assert all(torch.equal(each, expected[name]) for name, each in network.state_dict().items())


def test_training_for_a_grown_generator_starts_from_the_encoder_of_the_smaller_one() -> None:
    """The vectors that are new have the last head, and each trains its own copy of it."""
    small, models = tiny_models().generator, tiny_models()
    models.generator.grown_from = GrownFrom("a hash", small.num_ws - 2)
    smaller = replace(new_encoder(FEW, small).config, num_ws=small.num_ws - 2)
    start = Encoder(smaller)
    trainer = EncoderTrainer(models, None, FEW, start)
    *_, last = start.styles
    assert len(start.styles) == small.num_ws - 2 and len(trainer.encoder.styles) == small.num_ws
    for head in trainer.encoder.styles[-2:]:
        assert all(torch.equal(one, other) for one, other in zip(head.parameters(), last.parameters(), strict=True))
    assert len({id(parameter) for parameter in trainer.encoder.parameters()}) == len(list(trainer.encoder.parameters()))


@pytest.mark.parametrize(("r1", "steps"), [(10.0, [True, False, True, False]), (0.0, [False] * 4)])
def test_the_penalty_runs_every_r1_steps(monkeypatch: pytest.MonkeyPatch, r1: float, steps: list[bool]) -> None:
    monkeypatch.setattr(module, "R1_EVERY", 2)
    trainer = EncoderTrainer(tiny_models(), None, replace(with_only(latent=1.0, adversary=0.1), r1=r1), None)
    asked, discriminator_loss = [], trainer.losses.discriminator_loss
    monkeypatch.setattr(
        trainer.losses, "discriminator_loss", lambda *given: asked.append(given[3]) or discriminator_loss(*given)
    )
    before = torch.cat([parameter.flatten().clone() for parameter in trainer.discriminator.parameters()])
    assert all("critic" in trainer.step(step) for step in range(4)) and asked == steps
    assert not torch.equal(torch.cat([parameter.flatten() for parameter in trainer.discriminator.parameters()]), before)
