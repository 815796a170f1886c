"""`styleclip studio`: its options, what it says where something is missing, and what it opens."""

from __future__ import annotations

import socket
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from styleclip.cli.commands import studio
from styleclip.cli.output.log import print_log
from tests.helpers.support import done, failed, run_python

Run = Callable[..., Result]
URL = "http://127.0.0.1:8765/"


class FakeEngine:
    """A stand-in that has no models."""

    def __init__(self, models: object, name: str, choices: dict[str, Any], children: Sequence[Path]) -> None:
        self.models, self.name, self.choices, self.children = models, name, choices, children


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the studio is served with; it ends as soon as it has begun."""
    seen: dict[str, Any] = {}

    def create_app(engine: FakeEngine, access: object, photo: object) -> SimpleNamespace:
        seen.update(engine=engine, access=access, photo=photo)
        return SimpleNamespace(state=SimpleNamespace(is_closed=True))

    def serve(app: object, listener: socket.socket, on_start: Callable[[], None]) -> None:
        seen["port"] = listener.getsockname()[1]
        on_start()

    monkeypatch.setattr("styleclip.studio.engine.Engine", FakeEngine)
    monkeypatch.setattr("styleclip.studio.web.server.create_app", create_app)
    monkeypatch.setattr("styleclip.studio.web.serving.serve", serve)
    monkeypatch.setattr(studio, "open_browser", lambda url: seen.update(opened=url))
    monkeypatch.setattr("styleclip.cli.output.log.print_log", lambda *_: None)
    for name in ("STYLECLIP_STUDIO_TOKEN", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return seen


def test_it_prints_its_address_once_it_answers(run: Run, served: dict[str, Any]) -> None:
    result = done(run("studio", "--port", "0", "--clip", "tiny", "--device", "cpu"))
    assert result.stdout == f"studio: http://127.0.0.1:{served['port']}/ (Ctrl-C ends it)\n" and result.stderr == ""
    assert served["access"].token is None and served["photo"] is None and "opened" not in served
    assert served["engine"].name == "demo" and served["engine"].choices == {"clip": "tiny", "device": "cpu"}


def test_others_need_a_token(run: Run, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("studio", "--host", "0.0.0.0", "--port", "0")
    first = done(run(*words)).stdout
    token = served["access"].token
    assert len(token) == 43 and f"/?token={token} (" in first
    assert done(run(*words)).stdout != first
    monkeypatch.setenv("STYLECLIP_STUDIO_TOKEN", "my own token")
    assert "/?token=my%20own%20token (" in done(run(*words)).stdout and served["access"].token == "my own token"
    monkeypatch.setenv("STYLECLIP_STUDIO_TOKEN", "short")
    failed(run(*words), 2, "token", "longer")


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"])
def test_the_browser_opens_where_there_is_a_desktop(
    run: Run, served: dict[str, Any], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, ":0")
    done(run("studio", "--port", "0", "--no-browser"))
    assert "opened" not in served
    result = done(run("studio", "--port", "0"))
    assert served["opened"] in result.stdout


def test_the_browser_gets_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    studio.open_browser(URL).join(60)
    assert opened == [URL]


def test_ports(run: Run, served: dict[str, Any]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        failed(run("studio", "--port", str(other.getsockname()[1])), 1, "is in use", "--port")
    failed(run("studio", "--port", "65536"), 2, "--port")
    failed(run("studio", "--host", "203.0.113.77"), 2, "no address 203.0.113.77")
    failed(run("studio", "--host", ""), 2, "--host is empty")


def test_the_extra_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio, "find_spec", lambda name: None)
    failed(run("studio"), 1, "starlette, uvicorn, websockets", "pip install 'styleclip[studio]'")


def test_an_image_that_is_none(run: Run, served: dict[str, Any]) -> None:
    failed(run("studio", "--image", "none.jpg"), 2, "none.jpg")


def test_models_that_are_not_there(run: Run, served: dict[str, Any]) -> None:
    failed(run("studio", "--port", "0", "--model", "nonsense"), 1, "'nonsense'")


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    script = "import sys; sys.argv[1:] = ['studio', '--help']; from styleclip.cli import main\ntry: main()\nfinally: "
    result = run_python("-c", script + "print({'torch', 'starlette', 'uvicorn'} & set(sys.modules))", cwd=tmp_path)
    assert result.stdout.endswith("set()\n") and "--no-browser" in result.stdout, result.stderr


def test_the_log_is_printed_in_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    print_log("styleclip.of.a.test", logging.WARNING)
    log = logging.getLogger("styleclip.of.a.test")
    try:
        raise ZeroDivisionError("no")
    except ZeroDivisionError:
        monkeypatch.delenv("STYLECLIP_DEBUG", raising=False)
        log.exception("an error\x1b")
        log.info("not this")
        assert capsys.readouterr().err == "an error\\x1b\n"
        monkeypatch.setenv("STYLECLIP_DEBUG", "1")
        log.exception("an error")
        assert "ZeroDivisionError" in capsys.readouterr().err
