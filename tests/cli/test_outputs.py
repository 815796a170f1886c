"""What the commands write and print when all goes well, on a library that computes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result

import styleclip
from styleclip.methods.optimize import Optimize
from styleclip.progress import OnStep, Step
from tests.helpers.support import run_styleclip

Run = Callable[..., Result]
PROMPT = ("--prompt", "a face with red hair")


def test_an_edit(run: Run, tmp_path: Path) -> None:
    result = run("optimize", *PROMPT)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    folder = tmp_path / "styleclip-out" / "a-face-with-red-hair"
    assert {tmp_path / line for line in result.stdout.splitlines()} == set(folder.iterdir())


def test_an_edit_as_json(run: Run) -> None:
    record = json.loads(run("optimize", *PROMPT, "--seeds", "0-1,5", "--json").stdout)
    assert len(record["scores"]) == 3
    assert record["provenance"]["source"] == {"seeds": [0, 1, 5]}
    assert all(Path(file).exists() for file in record["files"])


def test_a_recogniser_that_weighs_nothing_is_not_loaded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[object] = []
    monkeypatch.setitem(vars(styleclip), "load", lambda model, **choices: loaded.append(choices.get("identity")))
    run("optimize", *PROMPT, "--lambda-id", "0", "--out", "a")
    run("optimize", *PROMPT, "--lambda-id", "0", "--identity", "demo", "--out", "b")
    run("optimize", *PROMPT, "--out", "c")
    assert loaded == ["none", "demo", None]


def test_the_way_there(run: Run, tmp_path: Path) -> None:
    result = run("optimize", *PROMPT, "--seeds", "0-1", "--save-every", "2", "--video", "--out", "out")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out" / "frames").iterdir()] == ["00002.png"]
    assert (tmp_path / "out" / "video.mp4").stat().st_size > 0
    assert {"out/frames/00002.png", "out/video.mp4"} <= set(result.stdout.splitlines())


def test_samples(run: Run, tmp_path: Path) -> None:
    result = run("sample", "--seeds", "0,3", "--out", "out")
    assert result.exit_code == 0, result.output
    names = ["latent.safetensors", "seed_0000.png", "seed_0003.png", "sheet.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    again = run("optimize", *PROMPT, "--latent", "out/latent.safetensors", "--json")
    assert again.exit_code == 0, again.output
    assert len(json.loads(again.stdout)["scores"]) == 2


def test_an_evaluation(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = SimpleNamespace(
        table=lambda: "prompt  hit\nsmile  1.0",
        to_json=lambda: {"hit": 1.0},
        save=lambda folder, overwrite: [folder / "report.png", folder / "report.json"],
    )

    def evaluate(models: object, method: object, seeds: object, prompts: object, on_step: OnStep) -> object:
        on_step(Step(1, 1))
        assert (method, seeds, prompts) == (Optimize(steps=3, space="s"), (0, 1), ["a smile"])
        return report

    monkeypatch.setattr("styleclip.evaluate.run", evaluate)
    (tmp_path / "prompts.txt").write_text("a smile\n")
    settings = ("--setting", "steps=3", "--setting", "space=s")
    result = run("evaluate", *settings, "--seeds", "0-1", "--prompts", "prompts.txt", "--out", "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["prompt  hit", "smile  1.0", "out/report.png", "out/report.json"]


def test_doctor(python: list[str]) -> None:
    result = run_styleclip("doctor", "--json", python=python)
    findings = json.loads(result.stdout)
    expected = {
        "versions",
        "open_clip",
        "GPU",
        "ops",
        "compilers",
        "demo weights",
        "faces",
        "landmarks",
        "LPIPS",
        "downloads",
        "disk",
    }
    assert expected == findings.keys()
    amiss = any(finding["needed"] and finding["remedy"] for finding in findings.values())
    assert result.returncode == int(amiss)
    assert "Traceback" not in result.stdout + result.stderr
