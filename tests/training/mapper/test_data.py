"""Latents of mapper trainings: batches, those held out, samples, and those that do not fit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.training.mapper.data import FixedBatches, split_held_out, training_latents
from styleclip.training.mapper.settings import MapperTraining
from tests.helpers.mapper_training import FEW, train_few
from tests.helpers.tiny import tiny_models


def test_a_round_visits_every_latent_once() -> None:
    rows = torch.arange(18)[torch.randperm(18, generator=torch.Generator().manual_seed(1))]
    batches = FixedBatches(rows, 4, seed=3)
    rounds = [[tuple(batches.at(5 * turn + i).tolist()) for i in range(5)] for turn in range(4)]
    assert all(sorted(row for batch in one for row in batch) == list(range(18)) for one in rounds)
    assert all(set(one) == set(rounds[0]) for one in rounds), "a latent changed its batch"
    assert len({tuple(one) for one in rounds}) > 1, "every round goes the same way"
    assert sorted(map(len, rounds[0])) == [2, 4, 4, 4, 4]
    assert [tuple(batches.at(7).tolist())] == rounds[1][2:3], "a step depends on more than its number"


@pytest.mark.parametrize(("count", "held_out"), [(1, 0), (4, 0), (5, 1), (19, 3), (24, 4), (900, 4)])
def test_latents_held_out(count: int, held_out: int) -> None:
    training_rows, kept = split_held_out(count, FEW)
    if not held_out:
        assert sorted(training_rows.tolist()) == sorted(kept.tolist()) == list(range(count))
        return
    assert len(kept) == held_out and sorted([*training_rows.tolist(), *kept.tolist()]) == list(range(count))


def test_a_single_latent_is_enough(tmp_path: Path) -> None:
    models = tiny_models()
    source = training_latents(models, FEW.resolve(models), None)[:1]
    [mapper] = train_few(tmp_path, models, replace(FEW, steps=12), latents=source)
    assert mapper.about["scores"]["loss"] < 0.6 and len(mapper.about["latents"]) == 64


def test_samples_are_truncated() -> None:
    models = tiny_models()
    whole, half = (
        training_latents(models, MapperTraining(num_latents=5, psi=psi).resolve(models), None).data
        for psi in (1.0, 0.5)
    )
    average = models.generator.w_avg
    torch.testing.assert_close(half, average + 0.5 * (whole - average))


NAN = torch.full((6, 6, 8), torch.nan)


@pytest.mark.parametrize(
    ("latent", "error", "words"),
    [
        (Latent(Space.W_PLUS, NAN), UsageError, "hold NaN or infinite numbers, or none at all; pass latents"),
        (Latent(Space.W_PLUS, NAN[:0]), UsageError, "or none at all; pass latents of pictures"),
        (Latent(Space.W_PLUS, torch.zeros(6, 5, 8)), SpaceError, "this generator's w+ has shape [6, 8]"),
        (Latent(Space.S, torch.zeros(6, 9)), SpaceError, "this generator's s has shape [41]"),
    ],
)
def test_latents_that_do_not_fit(tmp_path: Path, latent: Latent, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        train_few(tmp_path, tiny_models(), latents=latent)
    assert not list(tmp_path.iterdir())
