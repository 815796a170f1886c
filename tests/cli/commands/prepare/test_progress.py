"""What `styleclip prepare` prints while it works; its help."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from styleclip.cli import main
from styleclip.cli.output.progress import EtaProgress
from styleclip.text.units import human_number, human_time
from tests.helpers.preparation import LAYOUT, SMALL
from tests.helpers.support import done, run_python

Run = Callable[..., Result]


def test_lines_where_there_is_no_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EtaProgress, "LINE_EVERY", 0.0)
    lines = done(run(*SMALL, "--out", "a.safetensors")).stderr.splitlines()
    assert len(lines) == len(LAYOUT.entries) and all(line.startswith("prepare: ") for line in lines)
    assert lines[-1] == f"prepare: {LAYOUT.size} of {LAYOUT.size}, 0 s left"
    assert done(run(*SMALL, "--out", "b.safetensors", "--quiet")).stderr == ""
    monkeypatch.setattr(EtaProgress, "LINE_EVERY", 30.0)
    assert done(run(*SMALL, "--out", "c.safetensors")).stderr == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (184, "3 min 04 s"),
        (7384, "2 h 03 min"),
        (5e5, "138 h 53 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert human_time(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0.23984, "0.24"), (73.42, "73.4"), (99.97, "100"), (2021.7, "2,022")])
def test_numbers(number: float, words: str) -> None:
    assert human_number(number) == words


def test_help_needs_no_torch() -> None:
    ran = run_python("-c", "import sys, styleclip.cli.commands.prepare; sys.exit('torch' in sys.modules)")
    assert ran.returncode == 0, ran.stderr
    shown = CliRunner().invoke(main, ["prepare", "--help"], prog_name="styleclip").stdout
    assert "--out FILE" in shown and "--num-latents N" in shown and "--merge" in shown
