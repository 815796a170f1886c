"""Several strengths and betas in one run of `styleclip global-dir`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result

import styleclip
from styleclip.directions import calibration
from styleclip.models import Models
from styleclip.progress import OnStep
from styleclip.prompts import Prompt
from styleclip.settings import format_number
from tests.helpers.global_dir import NEUTRAL, PROMPT, TARGET, close, direction_of, moved, pixels, records
from tests.helpers.support import done

Run = Callable[..., Result]


def test_strengths_are_mirrored_and_nothing_is_the_source(run: Run, models: Models, tmp_path: Path) -> None:
    result = done(run(*PROMPT, "--alpha=-3,0,3", "--beta", 0.2, "--seeds", "0-1", "--out", "out"))
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"alpha_-3", "alpha_0", "alpha_3", "grid.png"}
    assert {tmp_path / line for line in result.stdout.splitlines()} == {p for p in out.rglob("*") if p.is_file()}
    below, nothing, above = (moved(out / name, models) for name in ("alpha_-3", "alpha_0", "alpha_3"))
    close(above, 3 * direction_of(models, Prompt(TARGET, NEUTRAL), 0.2))
    close(above + below, torch.zeros(1))
    close(nothing, torch.zeros(1))
    for face in ("000", "001"):
        before, after = (pixels(out / "alpha_0" / f"{face}_{name}.png") for name in ("before", "after"))
        assert np.array_equal(before, after)
        assert not np.array_equal(before, pixels(out / "alpha_3" / f"{face}_after.png"))


def test_every_strength_at_every_beta(run: Run, models: Models, tmp_path: Path) -> None:
    told = records(run(*PROMPT, "--alpha=1,-2", "--beta", "0.1,auto,0.4", "--json", "--out", "out"))
    names = [f"alpha_{alpha}_beta_{beta}" for beta in ("0.1", "auto", "0.4") for alpha in ("1", "-2")]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "grid.png"}
    for name, record in zip(names, told, strict=True):
        alpha, beta = (record["settings"][key] for key in ("alpha", "beta"))
        assert name == f"alpha_{alpha:g}_beta_{format_number(beta)}"
        came_to = record["provenance"]["directions"][0]["beta"]
        assert beta in ("auto", came_to)
        expected = direction_of(models, Prompt(TARGET, NEUTRAL), came_to - 1e-6)
        close(moved(tmp_path / "out" / name, models), alpha * expected)


def test_what_varies_names_the_folder(run: Run, tmp_path: Path) -> None:
    done(run(*PROMPT, "--alpha", 4, "--beta", "0.1,0.2", "--out", "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"beta_0.1", "beta_0.2", "grid.png"}


def test_calibrated_strengths(run: Run, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text is calibrated on the way, its file has the unit, and a number behind @ is raw."""
    unit = 2.5
    monkeypatch.setattr(calibration, "calibrate", lambda *_: calibration.Calibration(unit, "clip"))
    told = records(run(*PROMPT, "--strength", "0.5,-1", "--beta", 0.2, "--json", "--out", "two"))
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"strength_0.5", "strength_-1", "grid.png"}
    for record, strength in zip(told, (0.5, -1.0), strict=True):
        settings = record["settings"]
        assert (settings["strength"], settings["alpha"], settings["unit"]) == (strength, strength * unit, unit)
        moved_by = moved(tmp_path / "two" / f"strength_{strength:g}", models)
        close(moved_by, strength * unit * direction_of(models, Prompt(TARGET, NEUTRAL), 0.2))
    saving = ("--save-direction", "red.safetensors")
    done(run(*PROMPT, "--strength", 0.5, "--beta", 0.2, *saving, "--out", "one"))
    assert styleclip.load_direction("red.safetensors", models).unit == unit
    monkeypatch.setattr(calibration, "calibrate", lambda *_: pytest.fail("the unit is known"))
    [record] = records(run("--direction", "red.safetensors", "--edit", "an old face@1", "--strength", 2, "--json"))
    assert [each["alpha"] for each in record["settings"]["edits"]] == [2 * unit, 1]
    assert [each.get("strength") for each in record["settings"]["edits"]] == [2, None]


def test_relevance_is_measured_once_per_text(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    measure = styleclip.GlobalDirection.measure

    def counted(self: Any, models: Models, prompt: Prompt, on_step: OnStep) -> Any:
        calls.append(prompt.target)
        return measure(self, models, prompt, on_step)

    monkeypatch.setattr(styleclip.GlobalDirection, "measure", counted)
    gradient = ("--relevance", "gradient", "--images", 2)
    records(bare(*PROMPT, *gradient, "--alpha=1,2", "--beta", "0,0.01,0.02", "--json"))
    assert calls == [TARGET]
