"""A server of weights, and a cache of its own for a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from styleclip.weights import cache as fetching
from styleclip.weights import download as downloads
from tests.helpers.weight_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("STYLECLIP_OFFLINE", raising=False)
    monkeypatch.setattr(downloads, "BACKOFF", (0.0, 0.0))
    monkeypatch.setattr(fetching, "POLL", 0.01)
    return tmp_path / "cache"
