"""A short training of mappers, in this process or killed in others."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.latents import Latent
from styleclip.methods.mapper import TrainedMapper
from styleclip.models import Models
from styleclip.progress import Step
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import STATE
from styleclip.training.mapper import train as module
from styleclip.training.mapper.data import training_latents
from styleclip.training.mapper.settings import MapperTraining
from styleclip.training.mapper.train import train_mappers
from tests.helpers.files import load_tiny_models, tensor_content

RED, OLD = Prompt("a face with red hair", "a face"), Prompt("a face with old hair")
FEW = MapperTraining(
    num_latents=20, held_out=4, batch_size=4, steps=8, evaluate_every=4, lr=5.0, lambda_l2=0.01, lambda_id=0.1
)


def train_few(
    folder: Path,
    models: Models,
    training: MapperTraining = FEW,
    prompts: tuple[Prompt, ...] = (RED,),
    latents: Latent | None = None,
    **options: Any,
) -> list[TrainedMapper]:
    """Train into `folder`: 0.safetensors, 1.safetensors, ... and the folder `training`."""
    paths = [folder / f"{i}.safetensors" for i in range(len(prompts))]
    return train_mappers(models, prompts, training, paths, folder / "training", latents, sheet_every=0, **options)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "training" / "metrics.jsonl").read_text().splitlines()]


def flat_parameters(mapper: TrainedMapper) -> Tensor:
    """All parameters as one vector."""
    return torch.cat([parameter.flatten() for parameter in mapper.network.parameters()])


def trained_step(models: Models, training: MapperTraining, folder: Path) -> tuple[Latent, Tensor]:
    """Latents, and the step of a trained mapper for them."""
    [mapper] = train_few(folder, models, training)
    source = training_latents(models, training.resolve(models), None)
    return source, mapper.direction(source).data


SHORT = replace(FEW, num_latents=8, held_out=2, batch_size=2)


class StopAfter:
    """An `on_step` that presses Ctrl-C after some step, and remembers the steps it saw; not those of stages."""

    def __init__(self, step: int = 999) -> None:
        self.step = step
        self.steps: list[int] = []

    def __call__(self, now: Step) -> None:
        if now.stage:
            return
        self.steps.append(now.index)
        if now.index == self.step:
            raise KeyboardInterrupt


def training_files(folder: Path) -> list[Any]:
    """The result of a training: mappers to the bit, metrics, and file names."""
    return [
        *map(tensor_content, sorted(folder.glob("*.safetensors"))),
        read_metrics(folder),
        sorted(os.listdir(folder)),
    ]


def train_with_kills(folder: str) -> None:
    """Train undisturbed, and killed at random moments. Prints the number of kills, and of those in the middle."""
    torch.set_num_threads(1)
    models = load_tiny_models(Path(folder), torch.float32)
    module.SAVE_EVERY = 0.0
    whole, mine, moments = Path(folder) / "whole", Path(folder) / "mine", random.Random(0)
    took = _train_in_child(models, whole) or 0.0
    kills = midway = 0
    while kills < 10:
        if _train_in_child(models, mine, moments.uniform(0, took)) is None:
            kills += 1
            midway += (mine / "training" / STATE).exists()
        else:
            assert training_files(mine) == training_files(whole)
            shutil.rmtree(mine)
    _train_in_child(models, mine)
    print(kills, midway)


def _train_in_child(models: Models, folder: Path, patience: float | None = None) -> float | None:
    """The seconds that a child took to train, or None when it was killed before the end."""
    started = time.monotonic()
    if not (child := os.fork()):
        train_few(folder, models, SHORT, resume=True, on_step=lambda _: time.sleep(0.01))
        os._exit(0)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return None if os.WIFSIGNALED(status) else time.monotonic() - started
