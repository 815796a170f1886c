"""The command line on a library that computes nothing, where a test has no `run` of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import Result

import styleclip
from styleclip.errors import WeightError
from tests.helpers.commands import invoke
from tests.helpers.support import FakeEditor, latents

Run = Callable[..., Result]


def load(model: str, **choices: object) -> SimpleNamespace:
    if model != "demo":
        raise WeightError(f"{model!r} is neither a model nor a file nor a URL; the closest models are demo")
    _, num_ws, w_dim = latents().data.shape
    layout = SimpleNamespace(size=1, torgb_mask=lambda: torch.zeros(1, dtype=torch.bool))
    generator = SimpleNamespace(
        num_ws=num_ws, config=SimpleNamespace(w_dim=w_dim, z_dim=w_dim), layout=layout, row_counts=(num_ws,)
    )
    known = {"provenance": {"generator": {"name": "demo"}}, "transform": None, "transform_record": {}}
    clip = SimpleNamespace(name="demo", vocabulary=None, tokenizer=None, check_lengths=lambda texts: None)
    return SimpleNamespace(**{**choices, **known, "generator": generator, "clip": clip, "defaults": {}})


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library behind the commands, costing nothing."""
    names = {"load": load, "Editor": FakeEditor}
    for name, stub in names.items():
        monkeypatch.setitem(vars(styleclip), name, stub)


@pytest.fixture
def run(stubs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on the stubs, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    return lambda *arguments: invoke(*arguments)
