"""A short training of encoders and pictures for it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import StyleClipError
from styleclip.models import Models
from styleclip.networks.e4e import Encoder
from styleclip.progress import Step
from styleclip.training.encoder.settings import EncoderTraining
from styleclip.training.encoder.train import train_encoder
from tests.helpers.files import tensor_content
from tests.helpers.support import is_one_sentence
from tests.helpers.tiny import tiny_models

FEW = EncoderTraining(
    widths=(4, 4, 6, 8), frame=16, batch_size=4, steps=4, lr=1e-2, leak=0.2, decay=0.9, held_out=8, evaluate_every=2
)
LOSS_TERMS = ("l2", "perceptual", "id", "delta", "adversary", "latent")


def with_only(**own: float) -> EncoderTraining:
    """A training with only these loss terms."""
    return replace(FEW, **{f"lambda_{name}": own.get(name, 0.0) for name in LOSS_TERMS})


class PlainPhotos:
    """Plain pictures, a little brighter to the left, whose colour is their number."""

    size = (16, 16)

    def __init__(self, count: int = 20) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        slope = torch.linspace(0.01, 0, resolution)
        return (rows / 100)[:, None, None, None] + slope.expand(len(rows), 3, resolution, resolution)


MIXED = replace(FEW, steps=5, samples=0.5, jitter=0.05, deltas_from=0.4, deltas_every=0.2, held_out=4, decay=0.99)


def train_few(
    folder: Path,
    training: EncoderTraining = FEW,
    pictures: PlainPhotos | None = None,
    models: Models | None = None,
    **options: Any,
) -> Encoder:
    """Train into `folder`: encoder.safetensors and the folder `training`."""
    places = folder / "encoder.safetensors", folder / "training"
    return train_encoder(models or tiny_models(), pictures, training, *places, **options)


def read_metrics(folder: Path, split: str) -> list[dict[str, Any]]:
    lines = (folder / "training" / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["split"] == split]


def training_files(folder: Path) -> list[Any]:
    """The result of a training: the encoder to the bit, metrics, and file names."""
    names = [sorted(os.listdir(each)) for each in (folder, folder / "training")]
    rows = [read_metrics(folder, split) for split in ("train", "held-out")]
    return [tensor_content(folder / "encoder.safetensors"), rows, names]


def assert_refused(kind: type[StyleClipError], words: str, *arguments: Any, **options: Any) -> None:
    """See that `trained` ends with one sentence."""
    with pytest.raises(kind, match=re.escape(words)) as caught:
        train_few(*arguments, **options)
    assert is_one_sentence(caught.value)


def stop_after(step: int) -> Callable[..., None]:
    """An `on_step` that presses Ctrl-C."""

    def pressed(now: Step) -> None:
        if now.index == step:
            raise KeyboardInterrupt

    return pressed
