"""Where the tests of `styleclip direction` run, and the options of a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from styleclip.directions import calibration
from styleclip.directions.calibration import Calibration


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and an empty library."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "home"))


@pytest.fixture
def known_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that need no pictures."""
    monkeypatch.setattr(calibration, "calibrate", lambda *_: Calibration(1.25, "clip"))


@pytest.fixture
def model(files: tuple[Path, Path]) -> tuple[str, ...]:
    """The options of a tiny model."""
    return ("--model", str(files[0]), "--clip", str(files[1]), "--device", "cpu")
