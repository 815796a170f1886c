"""An empty cache, a server on this machine and a weight that it gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from styleclip.weights.catalog import Weight, weights
from styleclip.weights.formats.own_files import save_generator
from tests.helpers.tiny import tiny_generator


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no network but this machine, and a terminal of 120 columns."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name, value in {"STYLECLIP_HOME": str(folder), "NO_PROXY": "*", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    for name in ("STYLECLIP_OFFLINE", "STYLECLIP_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that gives the files of the folder `served`."""
    (tmp_path / "served").mkdir()
    handler = partial(Quiet, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def known(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weight:
    """A weight that is in the catalog and not on this disk."""
    save_generator(tiny_generator(), tmp_path / "served" / "tiny.safetensors")
    url = f"{server}/tiny.safetensors"
    entry = Weight("tiny", "generator", "a tiny generator", "yours, if you like it", "tiny.safetensors", (url,))
    monkeypatch.setitem(weights(), "tiny", entry)
    return entry
