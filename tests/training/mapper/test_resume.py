"""Training that goes on after any kill to the same bits, and on several processes to the same numbers."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.errors import OutputError, WeightError
from styleclip.methods.mapper_files import TrainedMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import STATE, TrainingState
from styleclip.training.mapper import train as module
from styleclip.training.mapper.train import TrainingProgress
from tests.cli.commands.test_train_mapper import faces
from tests.helpers.support import run_python
from tests.stylespace.test_prepare import content, is_one_sentence, load, other_network, tiny_files
from tests.training.mapper.test_training import FEW, OLD, RED, metrics, numbers, trained

SHORT = replace(FEW, num_latents=8, held_out=2, batch_size=2)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load(tmp_path_factory.mktemp("models"), torch.float32)


class StoppedAfter:
    """An `on_step` that presses Ctrl-C after some step, and remembers the steps it saw."""

    def __init__(self, step: int = 999) -> None:
        self.step = step
        self.steps: list[int] = []

    def __call__(self, learned: TrainingProgress) -> None:
        self.steps.append(learned.index)
        if learned.index == self.step:
            raise KeyboardInterrupt


@pytest.fixture
def begin(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Leaves an unfinished training in `tmp_path`, and saves every step from now on."""
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)

    def stopped(*arguments: Any, after: int = 3, **options: Any) -> Path:
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, models, *arguments, on_step=StoppedAfter(after), **options)
        return tmp_path / "training" / STATE

    return stopped


def made(folder: Path) -> list[Any]:
    """All there is in the end: mappers to the bit, and metrics."""
    return [*map(content, sorted(folder.glob("*.safetensors"))), metrics(folder), sorted(os.listdir(folder))]


# --- going on


@pytest.mark.parametrize("optimizer", ["adam", "ranger"])
@pytest.mark.parametrize("after", [3, 7, 13])
def test_it_goes_on_as_if_nothing_had_been(
    models: Models, tmp_path: Path, begin: Callable[..., Path], optimizer: Any, after: int
) -> None:
    """Also between the steps at which Lookahead looks, 6 and 12, and where only the writing was left."""
    training, prompts = replace(FEW, optimizer=optimizer, lr=20.0, steps=13), (RED, OLD)
    trained(tmp_path / "whole", models, training, prompts)
    expected = made(tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole")
    assert TrainingState.load(begin(training, prompts, after=after)).step == after
    watch = StoppedAfter()
    trained(tmp_path, models, training, prompts, resume=True, on_step=watch)
    assert watch.steps == list(range(after + 1, 14))
    assert made(tmp_path) == expected


@pytest.mark.filterwarnings("ignore::styleclip.training.mapper.train.TrainingWarning")
def test_early_ends_are_remembered(models: Models, tmp_path: Path, begin: Callable[..., Path]) -> None:
    """The one that has stopped does not begin again."""
    training = replace(FEW, lr=20.0, lambda_l2=0.1, steps=14, evaluate_every=1, patience=2)
    prompts = (RED, Prompt("a old face"))
    trained(tmp_path / "whole", models, training, prompts)
    last = {row["prompt"]: row["step"] for row in metrics(tmp_path / "whole")}
    assert len(set(last.values())) == 2
    expected = made(tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole")
    begin(training, prompts, after=min(last.values()) + 1)
    trained(tmp_path, models, training, prompts, resume=True)
    assert made(tmp_path) == expected


def test_a_kill_between_two_mappers(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first needs is there for the second, however short the training was."""
    trained(tmp_path / "whole", models, prompts=(RED, OLD))
    save, count = module.save_trained_mapper, list[Path]()

    def once(mapper: TrainedMapper, path: Path, dtype: torch.dtype) -> Path:
        count.append(path)
        if len(count) == 2:
            raise KeyboardInterrupt
        return save(mapper, path, dtype)

    monkeypatch.setattr(module, "save_trained_mapper", once)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", models, prompts=(RED, OLD))
    trained(tmp_path / "cut", models, prompts=(RED, OLD), resume=True)
    assert made(tmp_path / "cut") == made(tmp_path / "whole")


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """SIGKILL, ten times, in a process of its own; whatever comes to its end has made the same to the last bit."""
    tiny_files(tmp_path)
    code = f"from tests.training.mapper.test_resume import kill_often; kill_often({str(tmp_path)!r})"
    ran = run_python("-W", "ignore", "-c", code)
    assert ran.returncode == 0, ran.stderr
    kills, midway = map(int, ran.stdout.split())
    assert kills == 10 and midway >= 3, "hardly a kill came in the middle"
    assert made(tmp_path / "mine") == made(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "mine" / "training")) == ["metrics.jsonl"], "a kill left something behind"


def kill_often(folder: str) -> None:
    """Train undisturbed, and killed at random moments. Prints how often, and how often midway."""
    torch.set_num_threads(1)
    models = load(Path(folder), torch.float32)
    module.SAVE_EVERY = 0.0
    whole, mine, moments = Path(folder) / "whole", Path(folder) / "mine", random.Random(0)
    took = _child(models, whole) or 0.0
    kills = midway = 0
    while kills < 10:
        if _child(models, mine, moments.uniform(0, took)) is None:
            kills += 1
            midway += (mine / "training" / STATE).exists()
        else:
            assert made(mine) == made(whole)
            shutil.rmtree(mine)
    _child(models, mine)
    print(kills, midway)


def _child(models: Models, folder: Path, patience: float | None = None) -> float | None:
    """The seconds that a child took to train, or None when it was killed before the end."""
    started = time.monotonic()
    if not (child := os.fork()):
        trained(folder, models, SHORT, resume=True, on_step=lambda _: time.sleep(0.01))
        os._exit(0)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return None if os.WIFSIGNALED(status) else time.monotonic() - started


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
        ({"latents": faces(9)}, "with other latents"),
    ],
)
def test_another_training_does_not_go_on(
    models: Models, tmp_path: Path, begin: Callable[..., Path], changes: dict[str, Any], words: str
) -> None:
    before = begin(after=1).read_bytes()
    with pytest.raises(OutputError, match=re.escape(f"was begun {words}; finish that, or pass --overwrite")) as caught:
        trained(tmp_path, models, resume=True, **changes)
    assert is_one_sentence(caught.value) and (tmp_path / "training" / STATE).read_bytes() == before
    watch = StoppedAfter(1)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, models, resume=True, overwrite=True, on_step=watch, **changes)
    assert watch.steps == [1] and (tmp_path / "training" / STATE).read_bytes() != before


def test_another_generator_does_not_go_on(models: Models, tmp_path: Path, begin: Callable[..., Path]) -> None:
    begin()
    with pytest.raises(OutputError, match="was begun with another generator; finish that"):
        trained(tmp_path, other_network(models), resume=True)


def test_torn_files_of_an_earlier_run(models: Models, tmp_path: Path, begin: Callable[..., Path]) -> None:
    state = begin()
    (tmp_path / "training" / f".{state.stem}.4711.safetensors").write_bytes(b"")
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(WeightError, match=r"state.safetensors cannot be read; pass --overwrite to begin again"):
        trained(tmp_path, models, resume=True)
    trained(tmp_path, models, resume=True, overwrite=True)
    assert sorted(os.listdir(tmp_path / "training")) == ["metrics.jsonl"]


# --- several processes


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """Also in the last batch of a round, whose only latent is for the first of them.

    The same sums in another order: Adam turns a rounding error in a gradient near 0 into a part of a step, hence 1e-3.
    """
    generator, clip = tiny_files(tmp_path)
    training = replace(FEW, num_latents=17, steps=10, evaluate_every=5, lambda_id=0.0)
    names = ("num_latents", "held_out", "batch_size", "steps", "evaluate_every", "lr", "lambda_l2", "lambda_id")
    settings = [word for name in names for word in (f"--{name.replace('_', '-')}", str(getattr(training, name)))]
    ran = run_python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "styleclip", "train-mapper"),
        *("--model", str(generator), "--clip", str(clip), "--prompt", RED.target, "--neutral", "a face", "--json"),
        *("--out", str(tmp_path / "both.safetensors"), "--device", "cpu", *settings),
        OMP_NUM_THREADS="1",
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count('"files"') == 1, "more than one process reports"
    models = load(tmp_path, torch.float32)
    [alone] = trained(tmp_path / "alone", models, training)
    both: TrainedMapper = load_trained_mapper(tmp_path / "both.safetensors", models)
    assert json.loads(ran.stdout)["mappers"][0]["scores"] == pytest.approx(alone.about["scores"], abs=2e-4)
    assert (numbers(both) - numbers(alone)).abs().max() < 1e-3 * numbers(alone).abs().max()
