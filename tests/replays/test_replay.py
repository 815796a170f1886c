"""Results of every command are made again to the bit, from result.json and from a PNG alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import styleclip
from styleclip.cli import main
from styleclip.errors import UsageError
from styleclip.images import png_bytes, read_record

RESULTS = [
    *("red", "again", "smile/alpha_-1", "both", "sum", "mapped/strength_1", "mapped/grid.png"),
    *("family", "family/inversion", "faces/seed_0001.png", "faces", "drawing"),
]
ALONE: dict[str, list[str]] = {  # the picture, and the files that it was made from
    "red/001_after.png": [],
    "again/after.png": ["red/latent.safetensors"],
    "sum/after.png": ["again"],
    "both/000_after.png": ["beard.safetensors"],
    "family/after.png": ["photo.jpg"],
    "family/photo.png": ["photo.jpg"],
    "family/inversion/reconstruction.png": ["photo.jpg"],
    "portrait/sketch.png": ["photo.jpg"],
}

UNKNOWN_WORDS = pytest.mark.filterwarnings("ignore::styleclip.prompt_words.PromptWarning")  # of forced prompts


@UNKNOWN_WORDS
@pytest.mark.parametrize("name", RESULTS)
def test_same_bits(results: Path, name: str) -> None:
    replayed = styleclip.replay(results / name)
    assert replayed.is_same and replayed.same and not replayed.differences


@UNKNOWN_WORDS
@pytest.mark.parametrize("name", ALONE)
def test_a_picture_alone(results: Path, name: str, tmp_path: Path) -> None:
    """A copy in a folder of its own, with nothing beside it."""
    picture = Path(shutil.copy(results / name, tmp_path / "renamed.png"))
    replayed = styleclip.replay(picture, inputs=[results / each for each in ALONE[name]])
    assert replayed.same == {Path(name).name: True}
    assert (tmp_path / "made").exists() is False
    replayed.save(tmp_path / "made")
    with Image.open(tmp_path / "made" / Path(name).name) as made, Image.open(picture) as before:
        assert made.tobytes() == before.tobytes()


def test_a_file_that_is_missing_is_named(results: Path, tmp_path: Path) -> None:
    picture = Path(shutil.copy(results / "again/after.png", tmp_path / "a.png"))
    sha256 = read_record(picture)["provenance"]["source"]["latent_sha256"]
    with pytest.raises(UsageError, match=rf"latents latent.safetensors \(sha256 {sha256[:12]}.*--input"):
        styleclip.replay(picture)
    shutil.copy(results / "again/latent.safetensors", tmp_path)
    with pytest.raises(UsageError, match="only files of this name with other bytes"):
        styleclip.replay(picture)


def test_what_differs_is_told(results: Path, tmp_path: Path) -> None:
    record = json.loads((results / "red/result.json").read_text())
    record["provenance"]["versions"]["torch"] = "1.0"
    record["settings"]["strength"] = 0.5
    record["pictures"]["000_after.png"] = "0" * 64
    (tmp_path / "result.json").write_text(json.dumps(record))
    replayed = styleclip.replay(tmp_path)
    assert not replayed.is_same and replayed.same["000_before.png"] and not replayed.same["001_after.png"]
    [line] = replayed.differences
    assert line.startswith("versions.torch: 1.0 then, ")


def test_the_command(results: Path, tmp_path: Path) -> None:
    words = ["replay", str(results / "faces/seed_0001.png"), "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0 and "seed_0001.png: same bits" in told.stdout
    assert (tmp_path / "out" / "seed_0001.png").is_file()
    with Image.open(results / "faces/seed_0001.png") as picture:
        changed = picture.copy()
        changed.putpixel((3, 3), (0, 0, 0))
    (tmp_path / "changed.png").write_bytes(png_bytes(changed, read_record(results / "faces/seed_0001.png")))
    told = CliRunner().invoke(main, ["replay", str(tmp_path / "changed.png"), "--json", "--out", str(tmp_path / "b")])
    assert told.exit_code == 1 and json.loads(told.stdout)["same"] == {"seed_0001.png": False}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"command": "score", "clip": "demo"}, "is of `styleclip score`"),
        ({"anything": 1}, "no picture that can be made again"),
        ({"method": "optimize", "provenance": {}, "settings": 3}, "is not whole"),
        ({"method": "draw", "settings": {"prompt": "a face"}, "provenance": {}}, "is not whole"),
    ],
)
def test_records_that_cannot_be_replayed(tmp_path: Path, record: dict[str, object], message: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(record))
    with pytest.raises(UsageError, match=message):
        styleclip.replay(path)


def test_a_url_is_not_fetched(results: Path, tmp_path: Path) -> None:
    record = json.loads((results / "red/result.json").read_text())
    record["provenance"]["load"]["model"] = "https://example.com/g.pkl"
    (tmp_path / "result.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="not on this disk; pass it with --model"):
        styleclip.replay(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\x89PNG"])
def test_files_without_a_record(tmp_path: Path, content: bytes) -> None:
    for name in ("result.json", "a.png"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError):
            styleclip.replay(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no result"):
        styleclip.replay(tmp_path / "empty")
