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

import pytest
from click.testing import Result

import styleclip
from styleclip.errors import UsageError
from tests.helpers.support import FakeEditor, edit_result, environment, run_styleclip

Run = Callable[..., Result]
PROMPT = ("--prompt", "a face with red hair")


class OurWarning(UserWarning):
    """Stands for `styleclip.PromptWarning`."""

    __module__ = "styleclip.prompts"


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
    (["evaluate", "--set", "all"], "'all' is not one of 'tuning', 'reporting'"),
    (["evaluate", "--setting", "step=3"], "'step=3' is not a setting; write NAME=VALUE with one of steps, lr"),
    (["evaluate", "--setting", "steps"], "'steps' is not a setting; write NAME=VALUE"),
    (["evaluate", "--setting", "steps=many"], "'steps=many' is not a value of steps: 'many' is not a valid integer"),
    (
        ["evaluate", "--editor", "global-dir", "--setting", "alpha=big"],
        "'alpha=big' is not a value of alpha: 'big' is not a number",
    ),
    (["edit"], "No such command 'edit'"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE, ids=[" ".join(case[0]) for case in BAD_USAGE])
def test_bad_usage(run: Run, arguments: list[str], words: str) -> None:
    failed(run(*arguments), 2, words)


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
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_stdout_on_a_full_disk() -> None:
    command = [sys.executable, "-m", "styleclip", "models", "list"]
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
    failed(run("evaluate", "--prompts", "prompts.txt", "--set", "tuning"), 2, "pass one of them")


WRITTEN = find_spec("styleclip.models") is not None and find_spec("styleclip.editor") is not None


@pytest.mark.skipif(not WRITTEN, reason="styleclip.load is not written yet")
def test_unknown_model_in_a_process_of_its_own(tmp_path: Path, python: list[str]) -> None:
    result = run_styleclip("sample", "--model", "nonsense", cwd=tmp_path, python=python)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
