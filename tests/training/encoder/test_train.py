"""Trainings of encoders from beginning to end: what they learn, write and refuse."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleclip.errors import NumericError, OutputError, WeightError
from styleclip.latents import Latent, Space
from styleclip.networks.e4e import Encoder
from styleclip.training.encoder.data import EncoderBatches
from styleclip.training.encoder.train import train_encoder
from styleclip.training.encoder.trainer import new_encoder
from styleclip.weights.formats.own_files import save_encoder
from styleclip.weights.load import load_encoder
from tests.helpers.encoder_training import (
    FEW,
    assert_refused,
    read_metrics,
    stop_after,
    train_few,
    with_only,
)
from tests.helpers.files import tensor_content
from tests.helpers.tiny import tiny_models

LEARNING = replace(
    with_only(l2=0.3, latent=1.0), batch_size=32, steps=40, evaluate_every=4, held_out=16, deltas_from=0.2
)


@pytest.fixture(scope="module")
def trained_encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Encoder]:
    folder = tmp_path_factory.mktemp("learned")
    return folder, train_few(folder, LEARNING)


def test_training_on_samples_alone(trained_encoder: tuple[Path, Encoder]) -> None:
    """Pictures come out right, and codes are where the samples are; at the start every code is about the average w."""
    folder, encoder = trained_encoder
    looks = [row["l2"] for row in read_metrics(folder, "held-out")]
    assert looks[-1] < 0.3 * looks[0] and len(looks) == 10
    generator = tiny_models().generator
    known = EncoderBatches(tiny_models(), None, LEARNING).sample_w("held out", 1, 64)
    codes = encoder.encode(generator(Latent(Space.W, known)).clamp(-1, 1))
    away = (codes - known[:, None]).square().sum(dim=2).mean()
    assert away < 0.5 * (generator.w_avg - known).square().sum(dim=1).mean()


def test_metrics_and_sheets(trained_encoder: tuple[Path, Encoder]) -> None:
    folder, _ = trained_encoder
    assert sorted(os.listdir(folder)) == ["encoder.safetensors", "training"]
    assert {path.name for path in (folder / "training").glob("samples_*.png")} >= {"samples_000004.png"}
    assert [row["step"] for row in read_metrics(folder, "train")] == [10, 20, 30, 40]
    assert read_metrics(folder, "train")[-1].keys() >= {"loss", "l2", "latent"}
    assert read_metrics(folder, "held-out")[-1].keys() >= {"l1", "l2", "identity"}


def test_the_file_gives_the_same_codes(trained_encoder: tuple[Path, Encoder], tmp_path: Path) -> None:
    """In half precision within its rounding, 2^-11, times what adds up in 24 layers."""
    folder, encoder = trained_encoder
    again = load_encoder(folder / "encoder.safetensors")
    images = tiny_models().render(Latent(Space.W, EncoderBatches(tiny_models(), None, FEW).sample_w("w", 0, 4)))
    assert again.config == encoder.config and encoder.config.leak == 0.2
    assert torch.equal(again.encode(images), encoder.encode(images))
    assert not encoder.training and not any(parameter.requires_grad for parameter in encoder.parameters())
    save_encoder(encoder, tmp_path / "half.safetensors", dtype=torch.float16)
    half = load_encoder(tmp_path / "half.safetensors")
    difference, size = (
        half.encode(images) - encoder.encode(images),
        (encoder.encode(images) - encoder.w_avg).abs().max(),
    )
    assert half.config == encoder.config and 0 < difference.abs().max() < 2**-5 * size


def test_an_offset_that_has_not_joined_stays_at_its_start(tmp_path: Path) -> None:
    training = replace(with_only(l2=1.0, delta=1e-3), steps=4, deltas_from=0.5, deltas_every=0.25)
    encoder, fresh = train_few(tmp_path, training), new_encoder(training, tiny_models().generator)
    moved = [
        any(not torch.equal(a, b) for a, b in zip(own.parameters(), first.parameters(), strict=True))
        for own, first in zip(encoder.styles, fresh.styles, strict=True)
    ]
    assert moved == [True, True, True, False, False, False]


def test_earlier_files_are_refused(tmp_path: Path) -> None:
    short = replace(with_only(latent=1.0), steps=1)
    train_few(tmp_path, short)
    before = tensor_content(tmp_path / "encoder.safetensors")
    assert_refused(OutputError, "encoder.safetensors exists; pass --overwrite or another --out", tmp_path, short)
    assert_refused(
        OutputError, "was trained with lr 0.01, not 0.02; pass", tmp_path, replace(short, lr=0.02), resume=True
    )
    again = train_few(tmp_path, short, resume=True, on_step=stop_after(1))
    assert tensor_content(tmp_path / "encoder.safetensors") == before and isinstance(again, Encoder), "trained again"
    train_few(tmp_path, replace(short, lr=0.02), resume=True, overwrite=True)
    assert tensor_content(tmp_path / "encoder.safetensors") != before


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "encoder.safetensors").mkdir()
    assert_refused(OutputError, "is to be a file, not a folder; pass another --out", tmp_path, FEW, overwrite=True)
    with pytest.raises(OutputError, match="is to be a file, not a folder"):
        train_encoder(tiny_models(), None, FEW, tmp_path / "one", tmp_path / "one")


def test_a_start_of_another_shape(tmp_path: Path) -> None:
    start = new_encoder(replace(FEW, leak=0.1), tiny_models().generator)
    assert_refused(WeightError, "the encoder to start with is EncoderConfig(num_ws=6", tmp_path, start=start)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("steps", [1, 3])
def test_a_loss_that_is_not_finite(tmp_path: Path, steps: int) -> None:
    """Also where no step is left to notice it: the look at what was learned does."""
    training = replace(with_only(l2=1.0, latent=1.0), steps=steps, lr=1e30)
    assert_refused(NumericError, "the loss of the encoder is not finite at step ", tmp_path, training)
    assert len(read_metrics(tmp_path, "train")) == (steps == 1), "noticed by the look"
    assert not (tmp_path / "encoder.safetensors").exists()
