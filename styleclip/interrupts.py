"""Ctrl-C, SIGTERM and SIGHUP in the command line: the first raises KeyboardInterrupt, the second ends the process.

SIGHUP comes where the terminal closes. While nothing has been begun, and while torch is imported (its C++ code swallows
exceptions), the first one ends the process as well. All of this is plain Python, so that it can be set up before
anything else is imported.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
NOTHING_KEPT = "Interrupted; nothing was kept"
AT_THE_END = "Interrupted at the end; what was written is kept"
ENDED = "Interrupted again; ended at once"


class _State:
    """What has happened in this process."""

    def __init__(self) -> None:
        self.begun = False  # whether a command works
        self.requested = 0  # the signal that asked to end; 0 for none
        self.message = NOTHING_KEPT  # where nothing works


_state = _State()


def set_handlers() -> dict[int, object]:
    """Handle these signals in this process, and return the handlers before; those that were ignored stay ignored.

    Other threads than the main one cannot set handlers; there nothing is changed.
    """
    _state.__init__()  # type: ignore[misc]
    if threading.current_thread() is not threading.main_thread():
        return {}
    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, _handle) for number in handled}


@contextmanager
def signal_handlers() -> Iterator[None]:
    """Handle these signals within the block."""
    before = set_handlers()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


@contextmanager
def work() -> Iterator[None]:
    """Within the block the first signal raises KeyboardInterrupt."""
    _state.begun = True
    try:
        yield
    finally:
        _state.begun, _state.message = False, AT_THE_END


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Raise the KeyboardInterrupt of Ctrl-C only at the end of the block, so that what it writes is whole.

    A second Ctrl-C ends the process at once. Without effect outside of the main thread.
    """
    pending: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pending or _state.requested:
            _end(number, ENDED)
        pending.append(number)

    with _handlers(note):
        yield
    if pending:
        signal.raise_signal(pending[0])


@contextmanager
def on_interrupt(function: Callable[[], None]) -> Iterator[None]:
    """Within the block the first signal calls a function in place of raising KeyboardInterrupt.

    It is for work that ends in its own time, such as a server. A second signal ends the process at once. Without effect
    outside of the main thread.
    """

    def request(number: int, frame: FrameType | None) -> None:
        if _state.requested:
            _end(number, ENDED)
        _state.requested = number
        function()

    with _handlers(request):
        yield


@contextmanager
def _handlers(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Another handler within the block, for the signals that have one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: found for number, found in before.items() if callable(found)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)


def exit_code() -> int:
    """128 + the number of the signal that asked to end; 130, that of Ctrl-C, where there was none."""
    return 128 + (_state.requested or signal.SIGINT)


def is_interrupt(error: BaseException) -> bool:
    """Whether a KeyboardInterrupt led to this error, e.g. because a child process was ended by the same Ctrl-C."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _handle(number: int, frame: FrameType | None) -> None:
    if _state.requested:
        _end(number, ENDED)
    _state.requested = number
    if not _state.begun:
        _end(number, _state.message)
    if _is_importing("torch"):
        _end(number, NOTHING_KEPT)
    raise KeyboardInterrupt


def _is_importing(package: str) -> bool:
    spec = getattr(sys.modules.get(package), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _end(number: int, message: str) -> None:
    """Print a line and end the process, without the work that Python does at its exit."""
    with suppress(OSError):  # stderr may be closed
        os.write(2, f"{message}\n".encode())
    os._exit(128 + number)
