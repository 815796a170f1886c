"""Nothing reaches the terminal unescaped, and nothing fails because the terminal cannot show it."""

from __future__ import annotations

import ast
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import main
from styleclip.cli.output.printing import print_json, print_lines, print_traceback
from styleclip.cli.output.progress import Progress
from styleclip.cli.output.tables import table
from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.text.printable import printable
from tests.helpers.support import ROOT, FakeEditor, edit_result

HOSTILE = "caf\udce9 лицо\x1b[31m\nb\x9b\u202e"
ENCODINGS = ("utf-8", "ascii", "cp1252")
Run = Callable[..., Result]


class OurWarning(UserWarning):
    """Stands for a warning of the library."""

    __module__ = "styleclip.weights"


@pytest.fixture(params=ENCODINGS)
def shown(request: pytest.FixtureRequest, stubs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on a terminal of this encoding, with a check of all that it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)

    def run(*arguments: str) -> Result:
        result = CliRunner(charset=request.param).invoke(main, arguments, prog_name="styleclip")
        for text in (result.stdout_bytes, result.stderr_bytes):
            decoded = text.decode("ascii" if request.param == "ascii" else request.param)
            assert printable(decoded, keep="\n\t") == decoded
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.mark.parametrize("kind", [WeightError, UsageError, OutputError, RuntimeError, KeyError])
def test_errors(shown: Run, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise kind(HOSTILE)

    monkeypatch.setitem(vars(styleclip), "load", broken)
    result = shown("sample")
    assert result.exit_code == (2 if kind is UsageError else 1) and result.stdout == ""
    assert result.stderr.startswith("Error: ") and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,),
        (f"--{HOSTILE}",),
        ("sample", HOSTILE),
        ("sample", f"--{HOSTILE}"),
        ("sample", "--seeds", HOSTILE),
        ("sample", "--psi", HOSTILE),
        ("sample", "--dtype", HOSTILE),
        ("sample", "--model", HOSTILE),
        ("sample", "--device", HOSTILE),
        ("optimize", "--prompt", HOSTILE),
        ("optimize", "--prompt", "a", "--latent", HOSTILE),
        ("optimize", "--prompt", "a", "--image", HOSTILE),
        ("optimize", "--prompt", "a", "--prompt", HOSTILE),
        ("global-dir", "--edit", HOSTILE),
        ("global-dir", "--direction", HOSTILE),
        ("models", "inspect", HOSTILE),
        ("models", "pull", HOSTILE),
        ("models", "list", "--kind", HOSTILE),
        ("evaluate", "--setting", HOSTILE),
    ],
    ids=lambda arguments: " ".join(arguments[:-1]),
)
def test_arguments_that_are_wrong(shown: Run, arguments: tuple[str, ...]) -> None:
    result = shown(*arguments)
    assert result.exit_code in (1, 2) and "Error: " in result.stderr and result.stdout == ""


def test_results_and_warnings(shown: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in a folder with such a name, notes, explanations; all is written, and the record is JSON."""

    def edit(*_: object, **__: object) -> object:
        warnings.warn(HOSTILE, OurWarning, stacklevel=1)
        claims = [{"understood": HOSTILE}]
        details: Any = [{"shown": [1.0], "target": HOSTILE, "claims": claims}]
        return edit_result(prompt=HOSTILE, details=details)

    monkeypatch.setattr(FakeEditor, "edit", edit)
    result = shown("optimize", "--prompt", "a face", "--explain", "--out", HOSTILE)
    assert result.exit_code == 0 and (tmp_path / HOSTILE / "result.json").is_file()
    assert len(result.stdout.splitlines()) == 7 and len(result.stderr.splitlines()) == 2
    again = shown("optimize", "--prompt", "a face", "--out", HOSTILE, "--overwrite", "--json")
    assert json.loads(again.stdout)["prompt"] == HOSTILE
    assert Path(json.loads(again.stdout)["files"][0]).parent == Path(HOSTILE)


def test_help_and_catalog(shown: Run) -> None:
    assert shown("models", "list").exit_code == 0
    assert shown("global-dir", "--help").exit_code == 0


def test_tables_are_aligned_as_they_are_printed() -> None:
    assert table([["a\x1b", 1], ["b", 2]]) == ["a\\x1b  1", "b      2"]
    assert table([["a", "b\nc\x1b"]], wrap=True) == ["a  b\\nc\\x1b"]


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines()
    print_lines("a\nb", Path("c\x1b"), 3)
    print_lines("Building ... ", end="", err=True)
    print_json({"a\x1b": "\udce9"})
    assert capsys.readouterr() == ('a\\nb\nc\\x1b\n3\n{\n  "a\\u001b": "\\udce9"\n}\n', "Building ... ")


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(HOSTILE, quiet=True) as progress:
        progress.note(HOSTILE, "Licence: \x1b[2J")
    assert progress.label == printable(HOSTILE)
    assert capsys.readouterr().err == f"{printable(HOSTILE)}\nLicence: \\x1b[2J\n"


def test_tracebacks_of_debugging(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("a\x1b[31m\nb")
    except ValueError as error:
        print_traceback(ValueError, error, error.__traceback__)
    assert capsys.readouterr().err.endswith("ValueError: a\\x1b[31m\nb\n")


def test_warnings_of_debugging(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*_: object, **__: object) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(HOSTILE, FutureWarning, stacklevel=1)
        return edit_result()

    monkeypatch.setattr(FakeEditor, "edit", warn)
    monkeypatch.setenv("STYLECLIP_DEBUG", "1")
    assert run("optimize", "--prompt", "a").stderr.endswith(f": FutureWarning: {printable(HOSTILE)}\n")


@pytest.mark.parametrize("option", ["--model", "--clip", "--image", "--out"])
def test_names_that_are_too_long(run: Run, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(styleclip), "load", lambda model, clip, **_: SimpleNamespace(path=os.stat(clip or model)))
    result = run("optimize", "--prompt", "a face", option, "x" * 300)
    assert result.exit_code == 1 and "too long" in result.stderr and len(result.stderr.splitlines()) == 1


def test_streams_never_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Help and whatever else is not printed by these functions."""
    runner = CliRunner(charset="ascii")
    with runner.isolation() as _:
        main.main(["--version"], standalone_mode=False)
        assert sys.stdout.errors == "backslashreplace"


def test_all_of_the_package_prints_in_one_place() -> None:
    modules = [*(ROOT / "styleclip").rglob("*.py"), *(ROOT / "cuda_ops").rglob("*.py")]
    printers = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
    found = {
        path.name
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in printers
    }
    assert found == {"printing.py"}
