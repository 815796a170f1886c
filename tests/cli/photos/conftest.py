"""Every command on the tiny models in a folder of its own, with cached face detections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from styleclip import loading
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.methods.mapper import save_trained_mapper
from styleclip.models import Models
from tests.helpers.commands import invoke
from tests.helpers.mappers import random_trained_mapper
from tests.helpers.photos import cached_mtcnn

Run = Callable[..., Result]
__all__ = ["cached_mtcnn"]  # a fixture


@pytest.fixture
def run(files: tuple[Path, Path], models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on the tiny models, in an empty folder that holds the mapper m.safetensors, without LPIPS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    monkeypatch.setattr(loading, "load_perceptual", lambda: None)
    monkeypatch.setattr("styleclip.inversion.pivotal_tuning.PivotalTuning", lambda: PivotalTuning(steps=10, rank=2))
    save_trained_mapper(random_trained_mapper(models), tmp_path / "m.safetensors")
    common = ["--model", str(files[0]), "--clip", str(files[1])]

    def call(command: str, *more: object) -> Result:
        return invoke(command, *common, *more)

    return call
