"""`styleclip sketch`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import styleclip
from styleclip.images import to_pil
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed

QUICK = ("--steps", 1, "--restarts", 1, "--augmentations", 0, "--strokes", 3, "--quiet")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_samples_in_a_folder_each(folder: Path) -> None:
    done(invoke("sketch", "--seeds", "0,5", *QUICK))
    for seed in (0, 5):
        record = json.loads((folder / f"styleclip-out/sketches/seed_{seed}/result.json").read_text())
        assert record["settings"]["start"] == "lines" and record["settings"]["strokes"] == 3
        assert record["provenance"]["source"]["row"] == [0, 5].index(seed)
    failed(invoke("sketch", "--seeds", "0,5", *QUICK), 1, "already holds results", "--overwrite")


def test_a_photo_and_what_is_none(folder: Path) -> None:
    editor = styleclip.Editor(styleclip.load("demo"))
    to_pil(editor.render(editor.sample(seed=5)))[0].resize((256, 256)).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = invoke("sketch", "a.png", "b.png", "--no-align", "--preset", "published", *QUICK)
    assert result.exit_code == 1 and "1 of 2 photos failed" in result.stderr
    record = json.loads((folder / "styleclip-out/sketches/a/result.json").read_text())
    assert record["settings"]["start"] == "points" and record["settings"]["width"] == 1.5
    assert record["provenance"]["source"]["image"] == "../../../a.png"


def test_a_ladder_and_a_sketch_along_an_edit(folder: Path) -> None:
    record = json.loads(done(invoke("sketch", "--seed", 5, *QUICK, "--strokes", "2,4", "--json", "--out", "a")).stdout)
    assert {Path(name).name for name in record["files"]} >= {"ladder.png", "sketch_2.svg", "sketch_4.svg"}
    done(invoke("sketch", "--seed", 3, *QUICK, "--edit", "a face with glasses", "--frames", 2, "--out", "b"))
    assert (folder / "b/slider.svg").read_text().count("<animate") == 3
    record = json.loads((folder / "b/result.json").read_text())
    assert record["settings"]["shares"] == [0, 1] and record["settings"]["edits"][0]["target"] == "a face with glasses"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("a.png", "--seed", "1"), "--seed and the PHOTO both name a source"),
        (("none.png",), "there is no picture called none.png"),
        (("--face", "all"), "--face is for photos"),
        (("--strokes", "0"), "is no number of strokes"),
        (("--frames", "3"), "pass it with --edit or --direction"),
        (("--strokes", "4,8", "--edit", "a smiling face"), "a ladder has one picture"),
    ],
)
def test_usage(words: tuple[str, ...], sentence: str) -> None:
    failed(invoke("sketch", *words), 2, sentence)
