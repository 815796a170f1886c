"""Trainings of encoders from beginning to end: what they learn, write and refuse, and that kills leave no trace."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from styleclip.errors import NumericError, OutputError, StyleClipError, WeightError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.e4e import Encoder
from styleclip.progress import Step
from styleclip.training.checkpoint import STATE, read_state
from styleclip.training.encoder import train as module
from styleclip.training.encoder.data import EncoderBatches
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.train import train_encoder
from styleclip.training.encoder.trainer import EncoderTrainer, new_encoder
from styleclip.weights.formats.own_files import save_encoder
from styleclip.weights.load import load_encoder
from tests.helpers.encoder_training import FEW, PlainPhotos, with_only
from tests.helpers.files import load_tiny_models, tensor_content, with_other_generator
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import tiny_models

MIXED = replace(FEW, steps=5, samples=0.5, jitter=0.05, deltas_from=0.4, deltas_every=0.2, held_out=4, decay=0.99)


def trained(
    folder: Path,
    training: EncoderTraining = FEW,
    pictures: PlainPhotos | None = None,
    models: Models | None = None,
    **options: Any,
) -> Encoder:
    """Train into `folder`: encoder.safetensors and the folder `training`."""
    places = folder / "encoder.safetensors", folder / "training"
    return train_encoder(models or tiny_models(), pictures, training, *places, **options)


def metrics(folder: Path, split: str) -> list[dict[str, Any]]:
    lines = (folder / "training" / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["split"] == split]


def made(folder: Path) -> list[Any]:
    """All there is in the end: the encoder to the bit, and metrics."""
    names = [sorted(os.listdir(each)) for each in (folder, folder / "training")]
    rows = [metrics(folder, split) for split in ("train", "held-out")]
    return [tensor_content(folder / "encoder.safetensors"), rows, names]


def refused(kind: type[StyleClipError], words: str, *arguments: Any, **options: Any) -> None:
    """See that `trained` ends with one sentence."""
    with pytest.raises(kind, match=re.escape(words)) as caught:
        trained(*arguments, **options)
    assert is_one_sentence(caught.value)


def stop_after(step: int) -> Callable[..., None]:
    """An `on_step` that presses Ctrl-C."""

    def pressed(now: Step) -> None:
        if now.index == step:
            raise KeyboardInterrupt

    return pressed


# --- what is learned


LEARNING = replace(
    with_only(l2=0.3, latent=1.0), batch_size=32, steps=50, evaluate_every=5, held_out=16, deltas_from=0.2
)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Encoder]:
    folder = tmp_path_factory.mktemp("learned")
    return folder, trained(folder, LEARNING)


def test_samples_alone_teach(learned: tuple[Path, Encoder]) -> None:
    """Pictures come out right, and codes are where the samples are; at the start every code is about the average w."""
    folder, encoder = learned
    looks = [row["l2"] for row in metrics(folder, "held-out")]
    assert looks[-1] < 0.3 * looks[0] and len(looks) == 10
    generator = tiny_models().generator
    known = EncoderBatches(tiny_models(), None, LEARNING).sample_w("held out", 1, 64)
    codes = encoder.encode(generator(Latent(Space.W, known)).clamp(-1, 1))
    away = (codes - known[:, None]).square().sum(dim=2).mean()
    assert away < 0.5 * (generator.w_avg - known).square().sum(dim=1).mean()


def test_what_is_left_to_look_at(learned: tuple[Path, Encoder]) -> None:
    folder, _ = learned
    assert sorted(os.listdir(folder)) == ["encoder.safetensors", "training"]
    assert {path.name for path in (folder / "training").glob("samples_*.png")} >= {"samples_000005.png"}
    assert [row["step"] for row in metrics(folder, "train")] == [10, 20, 30, 40, 50]
    assert metrics(folder, "train")[-1].keys() >= {"loss", "l2", "latent"}
    assert metrics(folder, "held-out")[-1].keys() >= {"l1", "l2", "identity"}


def test_the_file_gives_the_same_codes(learned: tuple[Path, Encoder], tmp_path: Path) -> None:
    """In half precision within its rounding, 2^-11, times what adds up in 24 layers."""
    folder, encoder = learned
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
    encoder, fresh = trained(tmp_path, training), new_encoder(training, tiny_models().generator)
    moved = [
        any(not torch.equal(a, b) for a, b in zip(own.parameters(), first.parameters(), strict=True))
        for own, first in zip(encoder.styles, fresh.styles, strict=True)
    ]
    assert moved == [True, True, True, False, False, False]


def test_codes_of_early_steps_are_one_w() -> None:
    trainer = EncoderTrainer(tiny_models(), None, replace(FEW, steps=4, deltas_from=0.5, deltas_every=0.25), None)
    images, _ = trainer.batches.at(0)
    for step, joined in enumerate((0, 0, 1, 2)):
        codes, deltas = trainer.losses.codes(trainer.encoder, images, step)
        same = [torch.equal(codes[:, i], codes[:, 0]) for i in range(1, 6)]
        assert len(deltas) == joined and same == [False] * joined + [True] * (5 - joined)


def test_the_running_mean_is_kept() -> None:
    """`decay` of what was and the rest of what is; early on, more of what is. Counters are taken as they are."""
    trainer = EncoderTrainer(tiny_models(), None, replace(with_only(latent=1.0), decay=0.3), None)
    expected = {name: tensor.clone() for name, tensor in trainer.averaged_encoder.state_dict().items()}
    for step, decay in enumerate((1 / 10, 2 / 11, 3 / 12, 0.3)):
        trainer.step(step)
        for name, own in trainer.encoder.state_dict().items():
            kept = decay if own.is_floating_point() else 0
            expected[name] = kept * expected[name] + (1 - kept) * own
            torch.testing.assert_close(trainer.averaged_encoder.state_dict()[name].to(expected[name]), expected[name])


# --- what is refused


def test_what_is_in_the_way(tmp_path: Path) -> None:
    short = replace(with_only(latent=1.0), steps=1)
    trained(tmp_path, short)
    before = tensor_content(tmp_path / "encoder.safetensors")
    refused(OutputError, "encoder.safetensors exists; pass --overwrite or another --out", tmp_path, short)
    refused(OutputError, "was trained with lr 0.01, not 0.02; pass", tmp_path, replace(short, lr=0.02), resume=True)
    again = trained(tmp_path, short, resume=True, on_step=stop_after(1))
    assert tensor_content(tmp_path / "encoder.safetensors") == before and isinstance(again, Encoder), "trained again"
    trained(tmp_path, replace(short, lr=0.02), resume=True, overwrite=True)
    assert tensor_content(tmp_path / "encoder.safetensors") != before


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "encoder.safetensors").mkdir()
    refused(OutputError, "is to be a file, not a folder; pass another --out", tmp_path, FEW, overwrite=True)
    with pytest.raises(OutputError, match="is to be a file, not a folder"):
        train_encoder(tiny_models(), None, FEW, tmp_path / "one", tmp_path / "one")


def test_a_start(tmp_path: Path) -> None:
    """What it has learned is the beginning, to the counters of its normalisation."""
    start = new_encoder(LEARNING, tiny_models().generator)
    start.load_state_dict({name: each + 1 for name, each in start.state_dict().items()})
    trainer = EncoderTrainer(tiny_models(), None, LEARNING, start)
    for network in (trainer.encoder, trainer.averaged_encoder):
        assert all(torch.equal(each, start.state_dict()[name]) for name, each in network.state_dict().items())


def test_a_start_of_another_shape(tmp_path: Path) -> None:
    start = new_encoder(replace(FEW, leak=0.1), tiny_models().generator)
    refused(WeightError, "the encoder to start with is EncoderConfig(num_ws=6", tmp_path, start=start)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("steps", [1, 3])
def test_a_loss_that_is_not_finite(tmp_path: Path, steps: int) -> None:
    """Also where no step is left to notice it: the look at what was learned does."""
    training = replace(with_only(l2=1.0, latent=1.0), steps=steps, lr=1e30)
    refused(NumericError, "the loss of the encoder is not finite at step ", tmp_path, training)
    assert len(metrics(tmp_path, "train")) == (steps == 1), "noticed by the look"
    assert not (tmp_path / "encoder.safetensors").exists()


# --- going on


@pytest.mark.parametrize("after", [1, 3, 5])
def test_it_goes_on_as_if_nothing_had_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Photos, samples and all terms; offsets join before and after the kill, at last only the writing was left."""
    trained(tmp_path / "whole", MIXED, PlainPhotos())
    expected = made(tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole")
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, MIXED, PlainPhotos(), on_step=stop_after(after))
    assert read_state(tmp_path / "training" / STATE)[0]["step"] == after
    torch.rand(1)
    steps = list[int]()
    trained(tmp_path, MIXED, PlainPhotos(), resume=True, on_step=lambda now: steps.append(now.index))
    assert steps == list(range(after + 1, 6)) and made(tmp_path) == expected


def test_another_training_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    short, models = replace(with_only(latent=1.0), steps=3), load_tiny_models(tmp_path / "models", torch.float32)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, short, models=models, on_step=stop_after(1))
    state = tmp_path / "training" / STATE
    before = state.read_bytes()
    refused(OutputError, "holds an unfinished training; pass --resume to go on", tmp_path, short, models=models)
    others: list[tuple[str, dict[str, Any]]] = [
        ("with lr 0.01, not 0.02", {"training": replace(short, lr=0.02)}),
        ("with pictures 0, not 20", {"pictures": PlainPhotos()}),
        ("with another generator", {"models": with_other_generator(models)}),
    ]
    for words, changes in others:
        given = {"training": short, "models": models, **changes}
        refused(OutputError, f"was begun {words}; finish that, or pass --overwrite", tmp_path, resume=True, **given)
    assert state.read_bytes() == before
    with safe_open(state, framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file({name: each for name, each in tensors.items() if not name.startswith("average")}, state, metadata)
    refused(WeightError, "does not fit this training; pass --overwrite", tmp_path, short, models=models, resume=True)
    state.write_bytes(before[:-9])
    refused(WeightError, "cannot be read; pass --overwrite", tmp_path, short, models=models, resume=True)
    trained(tmp_path, short, models=models, resume=True, overwrite=True)
    assert sorted(path.suffix for path in (tmp_path / "training").iterdir()) == [".jsonl", ".png", ".png"]
