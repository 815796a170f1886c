"""`styleclip stylize`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from styleclip.images import write_video
from tests.helpers.commands import invoke
from tests.helpers.files import tiny_clip_file
from tests.helpers.support import done, failed

TRAINING = ("--prompt", "a red face", "--source", "a face", "--steps", "2", "--num-crops", "2", "--side", "64")
TRAINING += ("--identity", "none", "--content", "clip", "--quiet")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip_file(tmp_path_factory.mktemp("clip"))


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`photos/`: two of different sizes, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name, size in (("one.png", (60, 40)), ("two.jpg", (40, 50))):
        Image.effect_noise(size, 80).convert("RGB").save(tmp_path / "photos" / name)
    return tmp_path


def train(clip: Path, *words: object) -> Result:
    return invoke("stylize", *words, *TRAINING, "--clip", clip)


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_photos_and_a_video_by_one_net(clip: Path, photos: Path) -> None:
    result = done(train(clip, "photos/one.png", "--out", "red", "--save-net"))
    files = ["red/photo.png", "red/net.safetensors", "red/comparison.png", "red/result.json"]
    assert result.stdout.splitlines() == files
    assert size("red/photo.png") == (60, 40)
    write_video([Image.fromarray(np.full((32, 48, 3), 90, np.uint8))] * 2, photos / "walk.mp4")
    words = ("photos", "walk.mp4", "--net", "red/net.safetensors", "--out", "more", "--format", "jpeg", "--json")
    record = json.loads(done(invoke("stylize", *words)).stdout)
    assert [each["photo"] for each in record["photos"]] == ["photos/one.png", "photos/two.jpg", "walk.mp4"]
    assert record["photos"][2]["files"][0] == "more/walk/video.mp4"
    assert record["photos"][0]["settings"]["prompt"] == "a red face"
    assert size("more/two/photo.jpg") == (40, 50)


def test_one_broken_photo_of_several(clip: Path, photos: Path) -> None:
    (photos / "photos" / "broken.png").write_bytes(b"no picture")
    result = train(clip, "photos", "--out", "red")
    assert result.exit_code == 1 and result.stderr.endswith("1 of 3 photos failed; the summary says why\n")
    assert "broken.png: failed" in result.stdout and size("red/one/photo.png") == (60, 40)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say the style with --prompt, or pass --net"),
        (("--prompt", "a red face", "--net", "photos/one.png"), "say the style with --prompt, or pass --net"),
        (("--net", "photos/one.png", "--steps", "5"), "--net draws as the net was trained"),
        (("--net", "photos/one.png", "--save-net"), "--net draws as the net was trained"),
        (("--prompt", "a red face", "--quality", "90"), "--quality is for --format"),
    ],
)
def test_options_that_exclude_each_other(words: tuple[str, ...], message: str) -> None:
    failed(invoke("stylize", "photos/one.png", *words), 2, message)


def test_a_net_must_be_one(photos: Path) -> None:
    failed(invoke("stylize", "photos/one.png", "--net", "photos/two.jpg"), 1, "photos/two.jpg")
