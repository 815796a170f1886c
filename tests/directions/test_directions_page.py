"""The Python of docs/directions.md runs as it stands."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

import styleclip
from styleclip.directions import calibration, useful_range
from tests.helpers.support import ROOT

PAGE = (ROOT / "docs" / "directions.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calibrate, find_range = calibration.calibrate, useful_range.find_range
    monkeypatch.setattr(calibration, "calibrate", lambda models, found, *_: calibrate(models, found, samples=8))
    monkeypatch.setattr(useful_range, "find_range", lambda models, found, *_: find_range(models, found, samples=8))
    monkeypatch.setattr(styleclip, "ganspace", functools.partial(styleclip.ganspace, samples=1000))
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/directions.md", "exec"), names)
    assert [path.name for path in sorted(tmp_path.glob("*/*"))] == ["strength-0.5", "strength-1.0"]
    assert names["first"].name and names["shapes"][2].layers == "0-3"
