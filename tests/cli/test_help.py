"""The options that scripts of users rely on: none may be lost (tests/data/cli_options.json), and `--help` lists all."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from styleclip.cli import main

OPTIONS = json.loads((Path(__file__).parents[1] / "data" / "cli_options.json").read_text())


def find_command(path: str) -> click.Command:
    """`models list` -> the command of that name; `styleclip` is the group itself."""
    command: click.Command = main
    for name in path.split() if path != "styleclip" else ():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no command {path}"
        command = found
    return command


@pytest.mark.parametrize("path", OPTIONS)
def test_no_option_is_lost(path: str) -> None:
    present = {name for parameter in find_command(path).params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert set(OPTIONS[path].split()) <= present


@pytest.mark.parametrize("path", OPTIONS)
def test_help_lists_every_option(path: str) -> None:
    words = CliRunner().invoke(find_command(path), ["--help"]).stdout.split()
    assert set(OPTIONS[path].split()) <= set(words)


def test_rare_options_stand_under_advanced() -> None:
    usage, advanced = CliRunner().invoke(main, ["optimize", "--help"]).stdout.split("\nAdvanced:\n")
    for name in ("--steps", "--lambda-id", "--prompt", "--help"):
        assert f" {name} " in usage and f" {name} " not in advanced
    for name in ("--restarts", "--explore", "--coordinates", "--clip-preprocess"):
        assert f" {name} " in advanced and f" {name} " not in usage
