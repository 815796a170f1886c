"""A studio on a port: which one, its address, and how it begins and ends."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from benchmarks.studio_server import StudioServer
from styleclip import interrupts
from styleclip.errors import StyleClipError, UsageError
from styleclip.studio.web import serving
from styleclip.studio.web.server import healthz
from styleclip.studio.web.serving import is_private, listen, serve, studio_url
from tests.helpers.studio_client import frame
from tests.helpers.support import environment, is_one_sentence

OWN = "127.0.0.1"


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(listen(OWN, 0)) as first:
        monkeypatch.setattr(serving, "FIRST_PORT", port_of(first))
        with closing(listen(OWN, None)) as second:
            assert port_of(second) != port_of(first)
        monkeypatch.setattr(serving, "PORTS", 1)
        with closing(listen(OWN, None)) as any_free:
            assert port_of(any_free) not in (0, port_of(first))


def test_a_given_port_that_is_in_use_is_refused() -> None:
    with closing(listen(OWN, 0)) as first, pytest.raises(StyleClipError, match="is in use") as caught:
        listen(OWN, port_of(first))
    assert is_one_sentence(caught.value) and not isinstance(caught.value, UsageError)


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no address"),
        (UnicodeError("label too long"), "no address"),
        (OSError(99, "Cannot assign requested address"), "no address"),
        (PermissionError(13, "Permission denied"), "administrators"),
        (OSError(12, "Out of memory"), "Out of memory"),
    ],
)
def test_addresses_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", failing(error))
    with pytest.raises(StyleClipError, match=words) as caught:
        listen("somewhere", 80)
    assert is_one_sentence(caught.value)


def test_addresses_for_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "network_address", lambda: "10.0.0.5")
    with closing(listen(OWN, 0)) as own, closing(listen("0.0.0.0", 0)) as all_of_them:
        assert is_private(own) and not is_private(all_of_them)
        assert studio_url(own) == f"http://127.0.0.1:{port_of(own)}/"
        assert studio_url(all_of_them, "a b/c?d") == f"http://10.0.0.5:{port_of(all_of_them)}/?token=a%20b%2Fc%3Fd"


def test_addresses_of_version_6() -> None:
    try:
        listener = listen("::1", 0)
    except StyleClipError:
        pytest.skip("this machine has no IPv6")
    with closing(listener):
        assert is_private(listener) and studio_url(listener) == f"http://[::1]:{port_of(listener)}/"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    """Once it answers, and without KeyboardInterrupt."""
    answers: list[bytes] = []

    def ask() -> None:
        answers.append(b"started")
        signal.raise_signal(number)

    app = Starlette(routes=[Route("/healthz", healthz)])
    with interrupts.signal_handlers(), interrupts.work(), closing(listen(OWN, 0)) as listener:
        serve(app, listener, ask)
    assert answers == [b"started"]


def ask(tab: ClientConnection, text: str) -> None:
    """Send a text and wait for the answer; a server that refuses it closes during either."""
    tab.send(text)
    tab.recv()


def test_the_command(python: list[str], tmp_path: Path) -> None:
    """From its line on stdout to Ctrl-C: a page, a websocket within its limits, and nothing on stderr."""
    server = StudioServer("--quiet", python=python, environment=environment(), log=tmp_path / "log")
    try:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        with urllib.request.urlopen(server.url + "healthz") as answer:
            assert answer.read() == b"ok" and "server" not in answer.headers
        with connect(f"ws://127.0.0.1:{server.port}/ws", origin=server.url.rstrip("/")) as tab:  # type: ignore[arg-type]
            assert not tab.protocol.extensions  # JPEG is not compressed again
            tab.send(json.dumps(frame(1)))
            assert json.loads(tab.recv())["type"] == "facts" and isinstance(tab.recv(), bytes)
            with pytest.raises(ConnectionClosedError) as caught:
                ask(tab, "x" * (2 << 20))
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1009
        start = time.monotonic()
    finally:
        server.close()
    assert server.process.returncode == 0 and (tmp_path / "log").read_text() == ""
    assert time.monotonic() - start < 20
