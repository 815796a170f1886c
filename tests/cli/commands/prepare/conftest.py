"""`styleclip prepare` on the tiny models, with an empty cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.helpers.commands import invoke

Run = Callable[..., Result]


@pytest.fixture
def run(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`styleclip prepare` on the tiny models, in an empty folder and with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    for name in ("STYLECLIP_DEBUG", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    words = ["prepare", "--model", str(files[0]), "--clip", str(files[1])]
    return lambda *more: invoke(*words, *more)
