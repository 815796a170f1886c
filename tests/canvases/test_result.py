"""The files of a canvas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from styleclip.canvases.result import CanvasResult
from styleclip.errors import OutputError


def result() -> CanvasResult:
    picture = Image.new("RGB", (4, 4), "red")
    return CanvasResult("sketch", {"strokes": 16}, {"sketch.png": picture}, {"sketch.svg": b"<svg/>"}, {"clip": 0.5})


def test_it_is_saved_whole(tmp_path: Path) -> None:
    paths = result().save(tmp_path / "out")
    assert [path.name for path in paths] == ["sketch.png", "sketch.svg", "result.json"]
    record = json.loads(paths[-1].read_text())
    assert record["settings"] == {"strokes": 16}
    assert record["provenance"]["versions"]["styleclip"]
    assert "sketch" in Image.open(paths[0]).text["styleclip"]


def test_an_earlier_result_is_replaced_on_request(tmp_path: Path) -> None:
    (tmp_path / "ladder.png").write_bytes(b"of an earlier result")
    result().save(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="overwrite"):
        result().save(tmp_path, patterns=["ladder.png"])
    result().save(tmp_path, patterns=["ladder.png"], overwrite=True)
    assert not (tmp_path / "ladder.png").exists()
