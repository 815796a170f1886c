"""Absurd values of every option of every command: exit code 1 or 2 and one sentence, before any work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import styleclip
from styleclip.cli import COMMANDS, main
from styleclip.cli.options.types import Count, CountRange, FiniteFloat, FiniteRange, Parsed
from styleclip.errors import WeightError

Run = Callable[..., Result]
NEEDED = {
    "optimize": ("--prompt", "a face"),
    "train-mapper": ("--prompt", "a face"),
    "map": ("--mapper", "absent.safetensors"),
    "global-dir": ("--prompt", "a face"),
    "sliders": ("--edit", "a face"),
    "invert": ("photo.png",),
    "adapt": ("--target", "a face"),
    "draw": ("--prompt", "a face"),
    "sketch": (),
    "score": ("photo.png", "--texts", "a face", "--texts", "a hat"),
}
NUMBERS = ("nan", "-inf", "1e308", "-1e308", "9" * 5000, "1,2")
TEXTS = (" ", "x" * 300, "a\nb\x1b[31m", "/dev/null/x", "0-99999999999", "1e999")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line up to the point where the models would be loaded."""

    def refuse(*_: object, **__: object) -> None:
        raise WeightError("the models would be loaded; this is the end of the test")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(styleclip), "load", refuse)
    monkeypatch.setitem(vars(styleclip), "load_clip", refuse)
    monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="styleclip")


def numbers(command: click.Command) -> Iterator[str]:
    """The options that take one number."""
    for option in command.params:
        if isinstance(option.type, (Count, CountRange, FiniteFloat, FiniteRange)):
            yield option.opts[0]


def assert_refused(result: Result, words: tuple[str, ...]) -> None:
    assert result.exit_code in (1, 2), (words, result.output)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ") and len(last) < 700, (words, result.stderr)
    assert not re.search(r"\b\w+(Error|Exception)\b: |Traceback|\x1b", result.output), (words, result.output)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("direction", "models", "doctor")])
def test_numbers(name: str, run: Run) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for option in numbers(command):
        for value in NUMBERS:
            words = (name, *NEEDED.get(name, ()), f"{option}={value}")
            result = run(*words)
            assert_refused(result, words)
            assert result.exit_code == 2, (words, result.output)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("direction", "models", "doctor")])
def test_texts_lists_and_paths(name: str, run: Run) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    found = {option for option in command.params if isinstance(option, click.Option) and not option.is_flag}
    for option in sorted(found, key=lambda each: each.opts[0]):
        if option.opts[0] not in numbers(command):
            values = TEXTS if isinstance(option.type, (Parsed, click.Path)) else TEXTS[:3]
            for value in values:
                words = (name, *NEEDED.get(name, ()), f"{option.opts[0]}={value}")
                assert_refused(run(*words), words)
