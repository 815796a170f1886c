"""`styleclip global-dir` on a tiny generator, its CLIP and a relevance table."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import styleclip
from styleclip import loading
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.weights.clips import load_clip
from styleclip.weights.relevance_files import save_relevance
from tests.helpers.commands import invoke
from tests.helpers.files import tiny_files
from tests.helpers.global_dir import ABOUT
from tests.helpers.tiny import random_relevance_table

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny generator, its CLIP and a table that is not where the editors look for it."""
    folder = tmp_path_factory.mktemp("models")
    generator, clip = tiny_files(folder)
    models = styleclip.load(str(generator), clip=clip)
    about = {**ABOUT, "generator": models.provenance["generator"]["network"], "clip": models.clip.name}
    table = random_relevance_table(models.generator.layout.size, about=about)
    return {
        "model": generator,
        "clip": clip,
        "relevance": save_relevance(table, models.clip, folder / "table.safetensors"),
    }


@pytest.fixture(scope="module")
def models(files: dict[str, Path]) -> Models:
    return styleclip.load(str(files["model"]), clip=files["clip"], relevance=files["relevance"])


@functools.cache
def loaded_clip(name: str) -> CLIP:
    """Half of what a call costs, where the models are tiny."""
    return load_clip(name)


@pytest.fixture
def bare(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip global-dir` on the tiny models in an empty folder, without a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    monkeypatch.setattr(loading, "load_clip", lambda name, *_: loaded_clip(name))
    words = ["global-dir", "--model", str(files["model"]), "--clip", str(files["clip"])]
    return lambda *more: invoke(*words, *more)


@pytest.fixture
def run(bare: Run, files: dict[str, Path]) -> Run:
    """The same with the table."""
    return lambda *more: bare("--relevance", files["relevance"], *more)
