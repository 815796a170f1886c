"""Models and an unfinished training, for all tests of mappers in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.models import Models
from styleclip.training.checkpoint import STATE
from styleclip.training.mapper import train as module
from tests.helpers.files import load_tiny_models
from tests.helpers.mapper_training import (
    StopAfter,
    train_few,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_tiny_models(tmp_path_factory.mktemp("models"), torch.float32)


@pytest.fixture
def interrupt_training(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Leaves an unfinished training in `tmp_path`, and saves every step from now on."""
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)

    def stopped(*arguments: Any, after: int = 3, **options: Any) -> Path:
        with pytest.raises(KeyboardInterrupt):
            train_few(tmp_path, models, *arguments, on_step=StopAfter(after), **options)
        return tmp_path / "training" / STATE

    return stopped
