"""The benchmark of edits: all variants render the same image, and a command is timed from the shell to its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import styleclip
from benchmarks import edit as bench_edit
from benchmarks.edit import ALPHA, make_direction, published_edit
from benchmarks.tools import KERNEL_LABELS
from tests.helpers.bench_runner import SMALL, run_bench_json
from tests.helpers.support import environment


def test_the_published_edit_is_ours() -> None:
    models = SMALL.models(1024)
    latent, edit = styleclip.Editor(models).sample(), make_direction(models, of_text=False)
    ours = models.render(edit.at(ALPHA)(models, latent, edit.prompt))
    assert (ours - models.render(latent)).abs().max() > 0.01
    torch.testing.assert_close(published_edit(models, latent, edit)(), ours, rtol=1e-4, atol=1e-4)


def test_the_direction_of_the_demo_is_that_of_a_text() -> None:
    models = SMALL.demo_models()
    assert 0 < len(make_direction(models, of_text=True).channels) < models.generator.layout.size / 4


@pytest.mark.usefixtures("fork_server")
def test_the_rows() -> None:
    found = run_bench_json("edit", "--repeats", "1", "--starts", "0")
    names = ["published", *(f"ours, {KERNEL_LABELS[which]}" for which in reversed(SMALL.kernels))]
    rows = found["results"]
    assert [(r["networks"], r["name"]) for r in rows] == [(n, name) for n in ("demo", "small") for name in names]
    for row in rows:
        assert 0 < row["least"] <= row["seconds"] and row["memory"] > 0 and row["ratio"] > 0
    assert found["commands"] == []


def test_a_command_is_started(tmp_path: Path, python: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    record = bench_edit.run_optimize(SMALL, "reference", tmp_path, steps=1, python=python)
    assert record["seconds"] > 0 and record["settings"]["steps"] == 1 and (tmp_path / "result.json").is_file()


def test_commands_count_from_the_second_start(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1, 100))
    monkeypatch.setattr(bench_edit, "run_optimize", lambda *_: {"seconds": next(seconds)})
    kernels = SMALL.kernels
    rows = bench_edit.time_commands(SMALL, None, starts=2)
    assert [row["command"] for row in rows] == [f"styleclip optimize, {KERNEL_LABELS[which]}" for which in kernels]
    count = len(kernels)
    assert [row["edit"] for row in rows] == [first + count * 1.5 for first in range(1, 1 + count)]
    assert all(0 < row["least"] <= row["seconds"] for row in rows)
