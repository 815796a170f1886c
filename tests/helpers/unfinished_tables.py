"""A generator with its CLIP, and runs of prepare that stop early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from styleclip.models import Models
from styleclip.progress import Step
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.table_preparation import Preparation
from tests.helpers.files import load_tiny_models
from tests.helpers.preparation import FEW, LAYOUT

GROUPS = len(LAYOUT.entries)  # a layer of the tiny generator is one group


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.safetensors"


class StoppedAfter:
    """An `on_step` that presses Ctrl-C after so many groups, and counts."""

    def __init__(self, groups: int = 999) -> None:
        self.groups = groups
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.steps.append(step)
        if len(self.steps) == self.groups:
            raise KeyboardInterrupt


def leave_unfinished(
    models: Models, path: Path, preparation: Preparation = FEW, groups: int = 3, **options: Any
) -> None:
    """Leave an unfinished table."""
    with pytest.raises(KeyboardInterrupt):
        prepare(models, preparation, path, on_step=StoppedAfter(groups), **options)
