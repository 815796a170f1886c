"""`styleclip draw`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.commands import invoke
from tests.helpers.support import done, failed

QUICK = ("--strokes", 3, "--steps", 2, "--views", 1, "--restarts", 1, "--quiet")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_drawing_and_its_record(folder: Path) -> None:
    result = done(invoke("draw", "--prompt", "a smiling face", *QUICK, "--json"))
    record = json.loads(result.stdout)
    assert [Path(name).name for name in record["files"]] == [
        *("drawing.png", "drawing.svg", "animation.svg", "animation.gif", "result.json")
    ]
    assert record["settings"]["strokes"] == 3 and record["settings"]["lr"] > 0
    assert (folder / "styleclip-out/drawings/a-smiling-face/drawing.svg").read_text().count("<path") == 6  # mirrored
    failed(invoke("draw", "--prompt", "a smiling face", *QUICK), 1, "already holds results", "--overwrite")


def test_published_settings_over_a_photo(folder: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(folder / "photo.png")
    words = ("--background", "photo.png", "--negative", "a sad face", "--preset", "published", "--out", "drawn")
    result = done(invoke("draw", "--prompt", "a smiling face", *QUICK, *words))
    assert "a smiling face: similarity" in result.stdout and "after 2 steps" in result.stdout
    record = json.loads((folder / "drawn/result.json").read_text())
    assert record["settings"]["width"] == 1 and record["settings"]["segments"] == 3
    assert record["provenance"]["background"]["file"] == "../photo.png"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--prompt", ""), "the prompt is empty"),
        (("--prompt", "a face", "--strokes", "0"), "--strokes"),
        (("--prompt", "a face", "--background", "none.png"), "none.png"),
    ],
)
def test_usage(words: tuple[str, ...], sentence: str) -> None:
    failed(invoke("draw", *words), 2, sentence)
