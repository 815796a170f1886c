"""What the command line does when things go wrong: one sentence, an exit code, no traceback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.errors import UsageError, WeightError
from styleclip.progress import OnStep, Step
from tests.helpers.support import FakeEditor, edit_result, environment, run_styleclip

Run = Callable[..., Result]
PROMPT = ("--prompt", "a face with red hair")


class OurWarning(UserWarning):
    """Stands for `styleclip.PromptWarning`."""

    __module__ = "styleclip.prompts"


def load(model: str, **choices: object) -> SimpleNamespace:
    if model != "demo":
        raise WeightError(f"{model!r} is neither a model nor a file nor a URL; the closest models are demo")
    return SimpleNamespace(**choices)


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library behind the commands, costing nothing."""
    names = {"load": load, "Editor": FakeEditor}
    for name, stub in names.items():
        monkeypatch.setitem(vars(styleclip), name, stub)


@pytest.fixture
def run(stubs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="styleclip")


def failed(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    for word in words:
        assert word in result.stderr


BAD_USAGE = [
    (["optimize"], "Missing option '--prompt'"),
    (["optimize", "--prompt", ""], "is empty"),
    (["optimize", "--prompt", "  "], "is empty"),
    (["optimize", *PROMPT, "--neutral", ""], "is empty"),
    (["optimize", *PROMPT, "--seed", "abc"], "'abc' is not a valid integer"),
    (["optimize", *PROMPT, "--seed", "-1"], "-1 is not in the range"),
    (["optimize", *PROMPT, "--seeds", "abc"], "'abc' is not a list of seeds"),
    (["optimize", *PROMPT, "--seeds", "1,,2"], "is not a list of seeds"),
    (["optimize", *PROMPT, "--seeds", "7-0"], "runs backwards"),
    (["optimize", *PROMPT, "--seeds", "0-999999999"], "too many seeds"),
    (["optimize", *PROMPT, "--seed", "1", "--seeds", "2"], "--seed and --seeds"),
    (["optimize", *PROMPT, "--latent", "absent.safetensors"], "does not exist"),
    (["optimize", *PROMPT, "--steps", "0"], "is not in the range"),
    (["optimize", *PROMPT, "--lr", "nan"], "not a finite number"),
    (["optimize", *PROMPT, "--lambda-id", "inf"], "not a finite number"),
    (["optimize", *PROMPT, "--space", "z"], "'z' is not one of"),
    (["optimize", *PROMPT, "--device", "gpu"], "use auto, cpu, cuda or cuda:N"),
    (["sample", "--psi", "much"], "'much' is not a valid float"),
    (["evaluate", "--prompts", "absent.txt"], "does not exist"),
    (["edit"], "No such command 'edit'"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE, ids=[" ".join(case[0]) for case in BAD_USAGE])
def test_bad_usage(run: Run, arguments: list[str], words: str) -> None:
    failed(run(*arguments), 2, words)


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
    assert len(json.loads(again.stdout)["scores"]) == 2


@pytest.mark.parametrize("command", [("optimize", *PROMPT), ("sample",)])
def test_unknown_model(run: Run, command: tuple[str, ...]) -> None:
    failed(run(*command, "--model", "nonsense"), 1, "'nonsense' is neither a model nor a file nor a URL")


@pytest.mark.parametrize("command", [("optimize", *PROMPT), ("sample",)])
def test_a_file_where_the_folder_should_be(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("")
    failed(run(*command, "--out", "file/out"), 1, "a part of the path is a file", "--out")


@pytest.mark.parametrize("command", [("optimize", *PROMPT), ("sample",)])
def test_earlier_results_stay(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    assert run(*command, "--out", "out").exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    failed(run(*command, "--out", "out"), 1, "out already holds results", "--overwrite")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert run(*command, "--out", "out", "--overwrite").exit_code == 0


def test_a_full_disk(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    failed(run("optimize", *PROMPT, "--out", "out"), 1, "the disk is full; free some space")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_stdout_on_a_full_disk() -> None:
    command = [sys.executable, "-m", "styleclip", "doctor"]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment())
    assert result.returncode == 1
    assert result.stderr.startswith("Error: cannot write to stdout: the disk is full")
    assert len(result.stderr.splitlines()) == 1


def test_a_surprise_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the sky\nfell")

    monkeypatch.setattr(FakeEditor, "edit", broken)
    failed(run("optimize", *PROMPT), 1, "RuntimeError: the sky fell; set STYLECLIP_DEBUG=1 for the traceback")
    monkeypatch.setenv("STYLECLIP_DEBUG", "1")
    assert isinstance(run("optimize", *PROMPT, "--overwrite").exception, RuntimeError)


def test_the_library_knows_bad_usage_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(*_: object) -> None:
        raise UsageError("the prompt has 90 tokens; CLIP reads 77")

    monkeypatch.setitem(vars(styleclip), "Prompt", too_long)
    failed(run("optimize", *PROMPT), 2, "90 tokens")


def test_an_interrupted_edit_is_kept(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = FakeEditor.edit

    def interrupted(*arguments: object, **options: object) -> object:
        result = edit(*arguments, **options)  # type: ignore[arg-type]
        result.interrupted = True
        return result

    monkeypatch.setattr(FakeEditor, "edit", interrupted)
    result = run("optimize", *PROMPT, "--out", "out")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted at step 3; kept the best result so far\n"
    assert json.loads((tmp_path / "out" / "result.json").read_text())["interrupted"] is True


def test_an_interrupt_elsewhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(styleclip), "load", interrupt)
    result = run("sample")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted; nothing was kept\n"


def test_warnings_of_ours_are_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*_: object, **__: object) -> object:
        warnings.warn("this model never saw the word 'zebra'", OurWarning, stacklevel=1)
        warnings.warn("something is deprecated", FutureWarning, stacklevel=1)
        return edit_result()

    monkeypatch.setattr(FakeEditor, "edit", warn)
    result = run("optimize", *PROMPT, "--json")
    assert result.stderr == "Warning: this model never saw the word 'zebra'\n"
    assert json.loads(result.stdout)


def test_a_prompt_file_without_prompts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("# only a comment\n\n")
    failed(run("evaluate", "--prompts", "prompts.txt"), 2, "holds no prompt")


def test_an_evaluation(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = SimpleNamespace(
        table=lambda: "prompt  hit\nsmile  1.0",
        to_json=lambda: {"hit": 1.0},
        save=lambda folder: [folder / "report.png", folder / "report.json"],
    )

    def evaluate(models: object, method: str, seeds: list[int], prompts: object, on_step: OnStep) -> object:
        on_step(Step(1, 1))
        assert (method, seeds, prompts) == ("optimize", [0, 1], ["a smile"])
        return report

    monkeypatch.setattr("styleclip.evaluate.run", evaluate)
    (tmp_path / "prompts.txt").write_text("a smile\n")
    result = run("evaluate", "--seeds", "0-1", "--prompts", "prompts.txt", "--out", "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["prompt  hit", "smile  1.0", "out/report.png", "out/report.json"]


def test_doctor() -> None:
    result = run_styleclip("doctor", "--json")
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
        "disk",
    }
    assert expected == findings.keys()
    amiss = any(finding["needed"] and finding["remedy"] for finding in findings.values())
    assert result.returncode == int(amiss)
    assert "Traceback" not in result.stdout + result.stderr


WRITTEN = find_spec("styleclip.models") is not None and find_spec("styleclip.editor") is not None


@pytest.mark.skipif(not WRITTEN, reason="styleclip.load is not written yet")
def test_unknown_model_in_a_process_of_its_own(tmp_path: Path) -> None:
    result = run_styleclip("sample", "--model", "nonsense", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
