"""`styleclip score`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from styleclip.demo.render import render
from styleclip.demo.world import faces, with_state
from styleclip.images import to_pil
from tests.helpers.commands import invoke
from tests.helpers.support import done, failed

TEXTS = ("--texts", "a face with glasses", "--texts", "a face without glasses")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`pictures/`: two faces without glasses and two with them, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    z = torch.randn(2, 64, generator=torch.Generator().manual_seed(3))
    z = torch.cat([with_state(z, "eyewear", state) for state in ("none", "glasses")])
    (tmp_path / "pictures").mkdir()
    for i, picture in enumerate(to_pil(render(faces(z)))):
        picture.save(tmp_path / "pictures" / f"{i}.png")
    return tmp_path


def test_a_folder_of_pictures(folder: Path) -> None:
    result = done(invoke("score", "pictures", *TEXTS, "--quiet"))
    lines = result.stdout.splitlines()
    assert lines[0].endswith("scores.png") and lines[1].endswith("result.json")
    assert [("without" in line) for line in lines[3:]] == [True, True, False, False]
    assert "again" not in failed_again(folder)


def failed_again(folder: Path) -> str:
    """The message of a second run into the same folder."""
    result = invoke("score", "pictures/0.png", *TEXTS)
    failed(result, 1, "already holds results", "--overwrite")
    return result.stderr


def test_labels_of_a_file_in_a_template_as_json(folder: Path) -> None:
    (folder / "labels.txt").write_text("# of eyes\nglasses\n\nsunglasses\na hat\n")
    words = ("--labels", "labels.txt", "--template", "a face with {}", "--json")
    record = json.loads(done(invoke("score", "pictures/3.png", *words)).stdout)
    assert record["texts"] == ["glasses", "sunglasses", "a hat"] and record["templates"] == ["a face with {}"]
    [picture] = record["pictures"]
    assert picture["prediction"] == "glasses" and picture["probabilities"]["glasses"] > 0.8


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(folder: Path) -> None:
    (folder / "pictures" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = invoke("score", "pictures", *TEXTS, "--quiet")
    assert result.exit_code == 1 and "1 of 4 pictures failed" in result.stderr
    assert len(json.loads((folder / "styleclip-out/scores/result.json").read_text())["pictures"]) == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "with --texts given twice or more, or with --labels FILE"),
        (("--texts", "a hat"), "pass two or more"),
        ((*TEXTS, "--template", "a photo"), "put it in the place of the text"),
    ],
)
def test_bad_usage(words: tuple[str, ...], sentence: str) -> None:
    failed(invoke("score", "pictures", *words), 2, sentence)
