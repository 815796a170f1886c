"""Interrupted trainings end in the same bits, and those on two processes in the same numbers."""

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

from styleclip.errors import OutputError, WeightError
from styleclip.methods.mapper import TrainedMapper, load_trained_mapper, save_trained_mapper
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import STATE, read_state
from styleclip.training.mapper import train as module
from styleclip.weights.formats.own_files import KIND, save_tensors
from tests.helpers.files import load_tiny_models, tiny_files, with_other_generator
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
from tests.helpers.support import is_one_sentence, run_python
from tests.helpers.tiny import random_w_plus

# --- going on


@pytest.fixture(scope="module", params=["adam", "ranger"])
def optimizer(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def expected(models: Models, tmp_path_factory: pytest.TempPathFactory, optimizer: Any) -> list[Any]:
    """The files of a training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    train_few(folder, models, replace(FEW, optimizer=optimizer, lr=20.0, steps=13), (RED, OLD))
    return training_files(folder)


@pytest.mark.parametrize("after", [3, 7, 13])
def test_resuming_ends_in_the_same_bits(
    models: Models,
    tmp_path: Path,
    interrupt_training: Callable[..., Path],
    optimizer: Any,
    expected: list[Any],
    after: int,
) -> None:
    """Also between the steps at which Lookahead looks, 6 and 12, and where only the writing was left."""
    training, prompts = replace(FEW, optimizer=optimizer, lr=20.0, steps=13), (RED, OLD)
    assert read_state(interrupt_training(training, prompts, after=after))[0]["step"] == after
    watch = StopAfter()
    train_few(tmp_path, models, training, prompts, resume=True, on_step=watch)
    assert watch.steps == list(range(after + 1, 14))
    assert training_files(tmp_path) == expected


@pytest.mark.filterwarnings("ignore::styleclip.training.mapper.train.TrainingWarning")
def test_resuming_keeps_early_stops(models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]) -> None:
    """The one that has stopped does not begin again."""
    training = replace(FEW, lr=20.0, lambda_l2=0.1, steps=14, evaluate_every=1, patience=2)
    prompts = (RED, Prompt("a old face"))
    train_few(tmp_path / "whole", models, training, prompts)
    last = {row["prompt"]: row["step"] for row in read_metrics(tmp_path / "whole")}
    assert len(set(last.values())) == 2
    expected = training_files(tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole")
    interrupt_training(training, prompts, after=min(last.values()) + 1)
    train_few(tmp_path, models, training, prompts, resume=True)
    assert training_files(tmp_path) == expected


def test_a_kill_between_two_mappers(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first needs is there for the second, however short the training was."""
    train_few(tmp_path / "whole", models, prompts=(RED, OLD))
    save, count = module.save_trained_mapper, list[Path]()

    def once(mapper: TrainedMapper, path: Path, dtype: torch.dtype) -> Path:
        count.append(path)
        if len(count) == 2:
            raise KeyboardInterrupt
        return save(mapper, path, dtype)

    monkeypatch.setattr(module, "save_trained_mapper", once)
    with pytest.raises(KeyboardInterrupt):
        train_few(tmp_path / "cut", models, prompts=(RED, OLD))
    train_few(tmp_path / "cut", models, prompts=(RED, OLD), resume=True)
    assert training_files(tmp_path / "cut") == training_files(tmp_path / "whole")


def test_killed_at_any_moment(tmp_path: Path, python: list[str]) -> None:
    """SIGKILL, ten times, in a process of its own; whatever comes to its end has made the same to the last bit."""
    tiny_files(tmp_path)
    code = f"from tests.helpers.mapper_training import train_with_kills; train_with_kills({str(tmp_path)!r})"
    ran = run_python("-c", code, python=python)
    assert ran.returncode == 0, ran.stderr
    kills, midway = map(int, ran.stdout.split())
    assert kills == 10 and midway >= 3, "hardly a kill came in the middle"
    assert training_files(tmp_path / "mine") == training_files(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "mine" / "training")) == ["metrics.jsonl"], "a kill left something behind"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": replace(FEW, lr=1.0)}, "with lr 5.0, not 1.0"),
        ({"training": replace(FEW, steps=9)}, "with steps 8, not 9"),
        ({"training": replace(FEW, space="s")}, "with space w+, not s"),
        ({"training": replace(FEW, levels=("all",))}, "with levels [coarse, medium, fine], not [all]"),
        ({"prompts": (OLD,)}, "with another prompt"),
        ({"prompts": (RED, OLD)}, "with another prompt"),
        ({"prompts": (replace(RED, neutral="hair"),)}, "with another prompt"),
        ({"latents": random_w_plus(9)}, "with other latents"),
    ],
)
def test_another_training_is_refused(
    models: Models, tmp_path: Path, interrupt_training: Callable[..., Path], changes: dict[str, Any], words: str
) -> None:
    before = interrupt_training(after=1).read_bytes()
    with pytest.raises(OutputError, match=re.escape(f"was begun {words}; finish that, or pass --overwrite")) as caught:
        train_few(tmp_path, models, resume=True, **changes)
    assert is_one_sentence(caught.value) and (tmp_path / "training" / STATE).read_bytes() == before
    watch = StopAfter(1)
    with pytest.raises(KeyboardInterrupt):
        train_few(tmp_path, models, resume=True, overwrite=True, on_step=watch, **changes)
    assert watch.steps == [1] and (tmp_path / "training" / STATE).read_bytes() != before


def test_another_generator_is_refused(models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]) -> None:
    interrupt_training()
    with pytest.raises(OutputError, match="was begun with another generator; finish that"):
        train_few(tmp_path, with_other_generator(models), resume=True)


def test_torn_files_of_an_earlier_run(models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]) -> None:
    state = interrupt_training()
    (tmp_path / "training" / ".styleclip-0123456789abcdef.tmp.safetensors").write_bytes(b"")
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(WeightError, match=r"state.safetensors cannot be read; pass --overwrite to begin again"):
        train_few(tmp_path, models, resume=True)
    train_few(tmp_path, models, resume=True, overwrite=True)
    assert sorted(os.listdir(tmp_path / "training")) == ["metrics.jsonl"]


@pytest.mark.parametrize(
    ("step", "scores", "words"),
    [
        (10**6, {}, "is damaged: it has more steps than the training; pass --overwrite"),
        (FEW.steps, {}, "holds no best weights; pass --overwrite without --resume to begin again"),
        (1, {"loss": 1.0}, "does not fit this training; pass --overwrite to begin again"),
        (1, {"loss": "x"}, "does not fit this training; pass --overwrite to begin again"),
    ],
)
def test_a_changed_checkpoint(
    models: Models, tmp_path: Path, interrupt_training: Callable[..., Path], step: int, scores: Any, words: str
) -> None:
    state = interrupt_training(after=1)
    about, tensors = read_state(state)
    about["state"]["0.best"]["scores"] = scores
    save_tensors(tensors, state, {KIND: "training", "about": json.dumps({**about, "step": step})})
    with pytest.raises(WeightError, match=words) as caught:
        train_few(tmp_path, models, resume=True)
    assert is_one_sentence(caught.value) and state.exists() and not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("changes", [{"scores": None}, {"scores": {"loss": 1.0}}, {"best_step": "x"}])
def test_a_mapper_without_its_scores(models: Models, tmp_path: Path, changes: dict[str, Any]) -> None:
    [mapper] = train_few(tmp_path, models)
    [path] = tmp_path.glob("*.safetensors")
    save_trained_mapper(replace(mapper, about={**mapper.about, **changes}), path)
    with pytest.raises(WeightError, match="does not say how good it is; pass --overwrite to train it again") as caught:
        train_few(tmp_path, models, resume=True)
    assert is_one_sentence(caught.value)
    [again] = train_few(tmp_path, models, resume=True, overwrite=True)
    assert again.about == mapper.about


def test_a_checkpoint_of_an_earlier_version(
    models: Models, tmp_path: Path, interrupt_training: Callable[..., Path]
) -> None:
    state = interrupt_training()
    about = {**read_state(state)[0], "students": []}
    del about["state"]
    save_tensors({"0.network.x": torch.zeros(1)}, state, {KIND: "training", "about": json.dumps(about)})
    words = "state.safetensors was written by an earlier version of styleclip; pass --overwrite to begin again"
    with pytest.raises(WeightError, match=words) as caught:
        train_few(tmp_path, models, resume=True)
    assert is_one_sentence(caught.value)
    train_few(tmp_path, models, resume=True, overwrite=True)
    assert not state.exists()


# --- several processes


def test_two_processes_learn_what_one_does(tmp_path: Path, python: list[str]) -> None:
    """Also in the last batch of a round, whose only latent is for the first of them.

    The same sums in another order: Adam turns a rounding error in a gradient near 0 into a part of a step, hence 1e-3.
    """
    generator, clip = tiny_files(tmp_path)
    training = replace(FEW, num_latents=17, steps=10, evaluate_every=5, lambda_id=0.0)
    names = ("num_latents", "held_out", "batch_size", "steps", "evaluate_every", "lr", "lambda_l2", "lambda_id")
    settings = [word for name in names for word in (f"--{name.replace('_', '-')}", str(getattr(training, name)))]
    ran = run_python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("--no-python", *python, "-m", "styleclip", "train-mapper"),
        *("--model", str(generator), "--clip", str(clip), "--prompt", RED.target, "--neutral", "a face", "--json"),
        *("--out", str(tmp_path / "both.safetensors"), "--device", "cpu", *settings),
        python=python,
        OMP_NUM_THREADS="1",
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count('"files"') == 1, "more than one process reports"
    models = load_tiny_models(tmp_path, torch.float32)
    [alone] = train_few(tmp_path / "alone", models, training)
    both: TrainedMapper = load_trained_mapper(tmp_path / "both.safetensors", models)
    assert json.loads(ran.stdout)["mappers"][0]["scores"] == pytest.approx(alone.about["scores"], abs=2e-4)
    assert (flat_parameters(both) - flat_parameters(alone)).abs().max() < 1e-3 * flat_parameters(alone).abs().max()
