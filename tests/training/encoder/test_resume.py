"""Trainings of encoders that were interrupted end in the same bits; those of other settings are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from styleclip.errors import OutputError, WeightError
from styleclip.training.checkpoint import STATE, read_state
from styleclip.training.encoder import train as module
from tests.helpers.encoder_training import (
    MIXED,
    PlainPhotos,
    assert_refused,
    stop_after,
    train_few,
    training_files,
    with_only,
)
from tests.helpers.files import load_tiny_models, with_other_generator


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The files of a training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    train_few(folder, MIXED, PlainPhotos())
    return training_files(folder)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_resuming_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: list[Any], after: int
) -> None:
    """Photos, samples and all terms; offsets join before and after the kill, at last only the writing was left."""
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train_few(tmp_path, MIXED, PlainPhotos(), on_step=stop_after(after))
    assert read_state(tmp_path / "training" / STATE)[0]["step"] == after
    torch.rand(1)
    steps = list[int]()
    train_few(tmp_path, MIXED, PlainPhotos(), resume=True, on_step=lambda now: steps.append(now.index))
    assert steps == list(range(after + 1, 6)) and training_files(tmp_path) == expected


def test_another_training_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    short, models = replace(with_only(latent=1.0), steps=3), load_tiny_models(tmp_path / "models", torch.float32)
    with pytest.raises(KeyboardInterrupt):
        train_few(tmp_path, short, models=models, on_step=stop_after(1))
    state = tmp_path / "training" / STATE
    before = state.read_bytes()
    assert_refused(OutputError, "holds an unfinished training; pass --resume to go on", tmp_path, short, models=models)
    others: list[tuple[str, dict[str, Any]]] = [
        ("with lr 0.01, not 0.02", {"training": replace(short, lr=0.02)}),
        ("with pictures 0, not 20", {"pictures": PlainPhotos()}),
        ("with another generator", {"models": with_other_generator(models)}),
    ]
    for words, changes in others:
        given = {"training": short, "models": models, **changes}
        assert_refused(
            OutputError, f"was begun {words}; finish that, or pass --overwrite", tmp_path, resume=True, **given
        )
    assert state.read_bytes() == before
    with safe_open(state, framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file({name: each for name, each in tensors.items() if not name.startswith("average")}, state, metadata)
    assert_refused(
        WeightError, "does not fit this training; pass --overwrite", tmp_path, short, models=models, resume=True
    )
    state.write_bytes(before[:-9])
    assert_refused(WeightError, "cannot be read; pass --overwrite", tmp_path, short, models=models, resume=True)
    train_few(tmp_path, short, models=models, resume=True, overwrite=True)
    assert sorted(path.suffix for path in (tmp_path / "training").iterdir()) == [".jsonl", ".png", ".png"]
