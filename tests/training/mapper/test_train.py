"""Files that a mapper training writes: mappers and their records, metrics; and earlier files it finds."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from styleclip.errors import OutputError, WeightError
from styleclip.methods.mapper import LatentMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import STATE, read_state
from tests.helpers.files import tensor_content, with_other_generator
from tests.helpers.mapper_training import (
    FEW,
    OLD,
    RED,
    StopAfter,
    flat_parameters,
    read_metrics,
    train_few,
    training_files,
)
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import random_w_plus

# --- mappers


@pytest.mark.parametrize("prompt", [RED, Prompt("a  face with\nred hair", ("a face", "old hair"))])
def test_a_mapper_file_has_its_record(models: Models, tmp_path: Path, prompt: Prompt) -> None:
    [written] = train_few(tmp_path, models, prompts=(prompt,))
    mapper = load_trained_mapper(tmp_path / "0.safetensors", models)
    assert torch.equal(flat_parameters(mapper), flat_parameters(written))
    assert mapper.prompt == Prompt(RED.target, prompt.neutral)
    assert mapper.about["generator"] == models.generator_fingerprint and mapper.about["lr"] == 5.0
    assert mapper.about["best_step"] in (4, 8)
    assert mapper.about["scores"].keys() == {"loss", "clip", "l2", "target", "target_before"}
    step = LatentMapper(mapper, strength=2.0)(models, random_w_plus(2), RED).data - random_w_plus(2).data
    torch.testing.assert_close(step, 2 * mapper.direction(random_w_plus(2)).data)
    watch = StopAfter()
    [again] = train_few(tmp_path, models, prompts=(prompt,), resume=True, on_step=watch)
    assert (
        not watch.steps
        and dict(again.about) == dict(mapper.about)
        and torch.equal(flat_parameters(again), flat_parameters(mapper))
    )


def test_a_mapper_belongs_to_its_generator(models: Models, tmp_path: Path) -> None:
    train_few(tmp_path, models)
    with pytest.raises(WeightError, match="was trained for another generator; pass that one with --model") as caught:
        load_trained_mapper(tmp_path / "0.safetensors", with_other_generator(models))
    assert is_one_sentence(caught.value)


def test_earlier_files_are_kept(models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]) -> None:
    state = interrupt_training()
    with pytest.raises(OutputError, match="holds an unfinished training; pass --resume to go on, or --overwrite"):
        train_few(tmp_path, models)
    train_few(tmp_path, models, replace(FEW, seed=1), overwrite=True)
    before = training_files(tmp_path)
    assert not state.exists()
    for options, words in (
        ({}, "0.safetensors exists; pass --overwrite or another --out"),
        ({"resume": True}, "0.safetensors was trained with seed 1, not 0; pass --overwrite or another --out"),
        ({"resume": True, "prompts": (OLD,)}, "was trained with target a face with red hair, not a face with old hair"),
        (
            {"resume": True, "latents": random_w_plus(9)},
            "was trained with other latents; pass --overwrite or another --out",
        ),
    ):
        with pytest.raises(OutputError, match=re.escape(words)) as caught:
            train_few(tmp_path, models, **{"training": FEW, **options})  # type: ignore[arg-type]
        assert is_one_sentence(caught.value) and training_files(tmp_path) == before
    [mapper] = train_few(tmp_path, models, resume=True, overwrite=True)
    assert mapper.about["seed"] == 0


@pytest.mark.parametrize("taken", ["file/0.safetensors", "training"])
def test_a_file_in_the_way_stops_it_at_once(models: Models, tmp_path: Path, taken: str) -> None:
    folder = tmp_path / Path(taken).parent
    (tmp_path / Path(taken).parts[0]).write_text("a poem")
    watch = StopAfter()
    with pytest.raises(OutputError, match="cannot write .* in the way; choose another folder with --out"):
        train_few(folder, models, on_step=watch)
    assert not watch.steps and (tmp_path / Path(taken).parts[0]).read_text() == "a poem"


@pytest.mark.parametrize(("step", "name"), [(3, STATE), (8, "0.safetensors")])
def test_a_full_disk(
    models: Models,
    tmp_path: Path,
    interrupt_training: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    name: str,
) -> None:
    """While the next state is saved, or the mapper in the end: an older mapper stays, and all goes on later."""
    train_few(tmp_path, models)
    before = (tmp_path / "0.safetensors").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    def fill(now: Step) -> None:
        if now.index == step:
            patched.setattr(os, "fsync", full)

    said = f"cannot write .*{name}: the disk is full; free some space"
    with monkeypatch.context() as patched, pytest.raises(OutputError, match=said):
        train_few(tmp_path, models, replace(FEW, seed=1), overwrite=True, on_step=fill)
    assert (tmp_path / "0.safetensors").read_bytes() == before
    assert read_state(tmp_path / "training" / STATE)[0]["step"] == step
    train_few(tmp_path, models, replace(FEW, seed=1), resume=True)
    train_few(tmp_path / "whole", models, replace(FEW, seed=1))
    assert tensor_content(tmp_path / "0.safetensors") == tensor_content(tmp_path / "whole" / "0.safetensors")
    assert not list(tmp_path.rglob(".*"))


# --- metrics


def test_metrics_go_back_to_the_step_that_was_saved(
    models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]
) -> None:
    train_few(tmp_path / "whole", models)
    interrupt_training(after=6)
    path = tmp_path / "training" / "metrics.jsonl"
    torn = '{"step": 5, "prompt": "ä'.encode()[:-1]
    path.write_bytes(path.read_bytes() + b'{"step": 8, "prompt": "later"}\n' + torn)
    train_few(tmp_path, models, resume=True)
    assert read_metrics(tmp_path) == read_metrics(tmp_path / "whole")
    assert [(row["step"], row["split"]) for row in read_metrics(tmp_path)] == [
        (4, "held-out"), (5, "train"), (8, "train"), (8, "held-out")
    ]  # fmt: skip


def test_tensorboard_where_it_is_installed(
    models: Models, tmp_path: Path, interrupt_training: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, ...]] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int) -> None:
            told.append(("open", folder, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told.append((name, round(value, 6), step))

        def close(self) -> None:
            told.append(("close",))

    board = ModuleType("torch.utils.tensorboard")
    monkeypatch.setattr(board, "SummaryWriter", SummaryWriter, raising=False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    interrupt_training(after=6)
    train_few(tmp_path, models, resume=True)
    folder = str(tmp_path / "training")
    assert [row for row in told if len(row) < 3 or row[0] == "open"] == [
        ("open", folder, 1), ("close",), ("open", folder, 7), ("close",)
    ]  # fmt: skip
    expected = {
        (f"{row['prompt']}/{row['split']}/{name}", value, row["step"])
        for row in read_metrics(tmp_path)
        for name, value in row.items()
        if name not in ("prompt", "split", "step")
    }
    assert {row for row in told if len(row) == 3 and row[0] != "open"} == expected


def test_tensorboard_may_be_absent(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    train_few(tmp_path, models)
    assert sorted(os.listdir(tmp_path / "training")) == ["metrics.jsonl"]
