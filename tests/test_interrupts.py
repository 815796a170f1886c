"""Ctrl-C and SIGTERM: what is written is whole, what is kept is said, and a second one ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from styleclip import interrupts
from styleclip.storage.files import atomic_path, atomic_write, kept_files, written_files
from tests.helpers.support import edit_result


class EndedError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Our handlers in this process; the lines on stderr and the exit codes of `os._exit`."""
    seen: list[object] = []

    def end(code: int) -> None:
        seen.append(code)
        raise EndedError

    monkeypatch.setattr("os._exit", end)
    monkeypatch.setattr("os.write", lambda _, line: seen.append(line.decode().strip()))
    with interrupts.signal_handlers():
        yield seen


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_before_the_work_one_ends_the_process_with_a_sentence(number: int, process: list[object]) -> None:
    with pytest.raises(EndedError):
        signal.raise_signal(number)
    assert process == ["Interrupted; nothing was kept", 128 + number]


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_within_the_work_the_first_raises_and_the_second_ends(number: int, process: list[object]) -> None:
    with interrupts.work():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert process == [] and interrupts.exit_code() == 128 + number
        with pytest.raises(EndedError):
            signal.raise_signal(number)
    assert process == ["Interrupted again; ended at once", 128 + number]


def test_while_torch_is_imported_nothing_can_be_kept(process: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_is_importing", lambda package: package == "torch")
    with interrupts.work(), pytest.raises(EndedError):
        signal.raise_signal(signal.SIGINT)
    assert process[0] == "Interrupted; nothing was kept"


def test_the_handlers_before_come_back() -> None:
    before = [signal.getsignal(number) for number in interrupts.SIGNALS]
    with interrupts.signal_handlers():
        assert [signal.getsignal(number) for number in interrupts.SIGNALS] != before
    assert [signal.getsignal(number) for number in interrupts.SIGNALS] == before


def test_a_deferred_interrupt_comes_at_the_end() -> None:
    done = []

    @interrupts.defer_interrupts()
    def write() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("written")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert done == ["written"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("first_before", [True, False])
def test_a_second_one_ends_a_deferring_block(first_before: bool, process: list[object]) -> None:
    @interrupts.defer_interrupts()
    def write() -> None:
        for _ in range(1 if first_before else 2):
            signal.raise_signal(signal.SIGINT)

    with interrupts.work():
        if first_before:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        with pytest.raises(EndedError):
            write()
    assert process == ["Interrupted again; ended at once", 130]


def press_after(function: Callable[..., Any], calls: int = 1) -> Callable[..., Any]:
    """`function`, and Ctrl-C after it is called for the n-th time."""
    left = [calls]

    def called(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        left[0] -= 1
        if not left[0]:
            signal.raise_signal(signal.SIGINT)
        return found

    return called


@pytest.mark.parametrize("calls", [1, 3, 6])
def test_a_result_is_saved_as_a_whole(calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.results.png_bytes", press_after(lambda *_: b"", min(calls, 3)))
    with pytest.raises(KeyboardInterrupt):
        edit_result().save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"result.json", "latent.safetensors", "after.png"}


def test_the_files_that_are_kept_are_named(tmp_path: Path) -> None:
    with written_files():
        assert kept_files() == "nothing was kept"
        with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "torn.mp4"):
            raise KeyboardInterrupt
        assert kept_files() == "nothing was kept" and not list(tmp_path.iterdir())
        atomic_write(tmp_path / "a" / "one.png", b"1")
        assert kept_files() == f"kept {tmp_path / 'a' / 'one.png'}"
        atomic_write(tmp_path / "a" / "two.png", b"2")
        assert kept_files() == f"kept 2 files in {tmp_path / 'a'}"
        atomic_write(tmp_path / "b" / "three.png", b"3")
        assert kept_files() == f"kept 3 files, the last is {tmp_path / 'b' / 'three.png'}"
    assert kept_files() == "nothing was kept"


def test_an_error_that_ctrl_c_led_to_is_an_interrupt() -> None:
    error = OSError("the pipe of ffmpeg is broken")
    assert not interrupts.is_interrupt(error)
    error.__context__ = KeyboardInterrupt()
    assert interrupts.is_interrupt(error) and interrupts.is_interrupt(KeyboardInterrupt())
