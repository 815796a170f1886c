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


def test_a_folder_of_pictures() -> None:
    result = done(invoke("score", "pictures", *TEXTS, "--quiet"))
    lines = result.stdout.splitlines()
    assert lines[0].endswith("scores.png") and lines[1].endswith("result.json")
    assert [("without" in line) for line in lines[3:]] == [True, True, False, False]
    failed(invoke("score", "pictures/0.png", *TEXTS), 1, "already holds results", "--overwrite")


def test_labels_of_a_file_in_a_template_as_json(folder: Path) -> None:
    (folder / "labels.txt").write_text("# of eyes\nglasses\n\nsunglasses\na hat\n")
    words = ("--labels", "labels.txt", "--template", "a face with {}", "--json")
    record = json.loads(done(invoke("score", "pictures/3.png", *words)).stdout)
    assert record["texts"] == ["glasses", "sunglasses", "a hat"] and record["templates"] == ["a face with {}"]
    [picture] = record["pictures"]
    assert picture["prediction"] == "glasses" and picture["probabilities"]["glasses"] > 0.8


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(folder: Path) -> None:
    (folder / "pictures" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "pictures" / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    result = invoke("score", "pictures", *TEXTS, "--quiet")
    assert result.exit_code == 1 and "1 of 4 pictures failed" in result.stderr
    assert "film.mp4: skipped: is a video" in result.stderr
    assert len(json.loads((folder / "styleclip-out/scores/result.json").read_text())["pictures"]) == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "pass --texts twice or more, or one of --labels FILE"),
        ((*TEXTS, "--search", "a hat"), "pass --texts twice or more, or one of"),
        ((*TEXTS, "--shots", "2"), "--shots is for a probe"),
        (("--probe", "pictures"), "make a folder of pictures for each"),
        (("--texts", "a hat"), "pass two or more"),
        ((*TEXTS, "--template", "a photo"), "put it in the place of the text"),
    ],
)
def test_bad_usage(words: tuple[str, ...], sentence: str) -> None:
    failed(invoke("score", "pictures", *words), 2, sentence)


def test_a_search(folder: Path) -> None:
    result = done(invoke("score", "pictures", "--search", "a face wearing glasses", "--top", "3", "--quiet"))
    rows = [line.split() for line in result.stdout.splitlines()[3:]]
    assert [row[0] for row in rows] == ["1", "2", "3"] and {rows[0][1], rows[1][1]} == {"2.png", "3.png"}
    record = json.loads((folder / "styleclip-out/search/result.json").read_text())
    assert len(record["pictures"]) == 4 and record["search"] == "a face wearing glasses"


def test_a_probe_beside_zero_shot(folder: Path) -> None:
    for i, name in enumerate(("a_face_without_glasses", "a_face_with_glasses")):
        (folder / "examples" / name).mkdir(parents=True)
        for k in range(2):
            (folder / "pictures" / f"{2 * i + k}.png").rename(folder / "examples" / name / f"{k}.png")
    words = ("--probe", "examples", "--shots", "1", "--quiet")
    lines = done(invoke("score", *words)).stdout.splitlines()
    assert lines[2].split()[:3] == ["linear", "probe", "2"] and lines[3].split() == ["zero-shot", "2", "1.000", "1.000"]
    pictures = ("examples/a_face_with_glasses/1.png", "--overwrite", "--json")
    record = json.loads(done(invoke("score", *words, *pictures)).stdout)
    [picture] = record["pictures"]
    assert picture["zero_shot"]["prediction"] == "a face with glasses" and {*picture["probe"]["probabilities"]} == {
        "a face with glasses",
        "a face without glasses",
    }
    failed(invoke("score", *words[:2], "--shots", "2", "--out", "b"), 2, "too few for 2 shots")
