"""Ctrl-C in commands, at every time: the message says what is kept, and that is whole."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.helpers.support import FakeEditor, edit_result, start_styleclip

Run = Callable[..., Result]
PROMPT = ("optimize", "--prompt", "a face with red hair", "--out", "out")


def press(number: int = signal.SIGINT) -> Callable[..., None]:
    return lambda *_, **__: signal.raise_signal(number)


def ended(result: Result, code: int, message: str) -> None:
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (code, message), result.output
    assert "Traceback" not in result.output


SLIDERS = ("sliders", "--edit", "an old face", "--mapper", "x")
COMMANDS = [("sample",), PROMPT, ("map", "--mapper", "x"), SLIDERS, ("evaluate",), ("invert", "a.png")]


@pytest.mark.parametrize("command", COMMANDS)
def test_while_models_are_loaded(command: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.load", press())
    monkeypatch.setattr("styleclip.weights.locate.mapper_file", lambda name, _: Path(name))
    Path("a.png").write_bytes(b"")
    ended(run(*command), 130, "Interrupted; nothing was kept")


def test_sigterm_ends_like_ctrl_c_with_its_own_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.load", press(signal.SIGTERM))
    ended(run("sample"), 143, "Interrupted; nothing was kept")


def test_between_the_pictures_of_sample(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def render(editor: FakeEditor, latent: Any) -> Any:
        drawn.append(1)
        if len(drawn) == 3:
            signal.raise_signal(signal.SIGINT)
        return edit_result().before

    monkeypatch.setattr(FakeEditor, "render", render)
    ended(run("sample", "--out", "out"), 130, "Interrupted; kept 2 files in out")
    assert len(list(Path("out").iterdir())) == 2


def test_before_the_first_step(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeEditor, "edit", press())
    ended(run(*PROMPT), 130, "Interrupted; nothing was kept")


def test_while_a_result_is_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.results.to_json", lambda record: press()() or "{}")
    ended(run(*PROMPT), 130, "Interrupted; kept the result")
    assert (Path("out") / "result.json").exists()


def test_while_a_video_is_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.images._write_mp4", press())
    ended(run(*PROMPT, "--video"), 130, "Interrupted; kept the result, without the video")
    assert (Path("out") / "result.json").exists() and not list(Path("out").glob("*video*"))


def test_ffmpeg_may_end_by_the_same_ctrl_c(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise OSError("broken pipe")

    monkeypatch.setattr("styleclip.images._write_mp4", write)
    ended(run(*PROMPT, "--video"), 130, "Interrupted; kept the result, without the video")


def test_the_source_is_said_where_nothing_was_better(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    result = edit_result(interrupted=True, unchanged=[True])
    monkeypatch.setattr(FakeEditor, "edit", lambda *_: result)
    ran = run(*PROMPT)
    ended(ran, 130, "Interrupted at step 0; kept the source, as no step was better")
    assert "seed 0: no step was better than the source, which is kept as it is" in ran.stderr


def handles_sigterm(pid: int) -> bool:
    """Whether a process has a handler of SIGTERM, which Python does not set by itself."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [caught] = [int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")]
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("seconds", [0, 1.0])
def test_in_the_first_moments(seconds: float, tmp_path: Path) -> None:
    process = start_styleclip("sample", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not handles_sigterm(process.pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (130, "", "Interrupted; nothing was kept\n")
