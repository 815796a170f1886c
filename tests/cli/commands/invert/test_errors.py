"""Files that are no photo and wrong usage of `styleclip invert`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from tests.helpers.photos import ASTRONAUT, astronaut, file_names, png_header
from tests.helpers.support import failed

Run = Callable[..., Result]


def animation(path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def cut_off(path: Path) -> None:
    astronaut().save(path, quality=90)
    path.write_bytes(path.read_bytes()[:9000])


def without_pictures(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("no picture")


def locked(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    astronaut().save(path)
    path.chmod(0)


BAD: dict[str, tuple[str, Callable[[Path], object], int, str]] = {
    "text": ("a.txt", lambda p: p.write_text("hello, world"), 1, "is not a picture that can be read; save it as JPEG"),
    "cut off": ("a.jpg", cut_off, 1, "is damaged or cut off; copy or download it again"),
    "1x1": ("a.png", lambda p: Image.new("RGB", (1, 1)).save(p), 1, "is only 1 x 1 px; pass a picture of 32 px"),
    "animation": ("a.gif", animation, 1, "has 2 frames; save one of them as JPEG or PNG"),
    "empty": ("a.jpg", lambda p: p.write_bytes(b""), 1, "is empty; copy or download it again"),
    "missing": ("a.jpg", lambda p: None, 2, "there is no picture called a.jpg; pass a picture, a folder of pictures"),
    "no match": ("a*.jpg", lambda p: None, 2, "there is no picture that matches a*.jpg; pass"),
    "folder": ("a", without_pictures, 2, "there is no picture in the folder a; pass"),
    "no face": (
        "a.png",
        lambda p: Image.new("RGB", (300, 200)).save(p),
        1,
        "no face was found in a.png, looked for in",
    ),
    "JPEG XL": ("a.jxl", lambda p: p.write_bytes(b"\xff\x0a" + bytes(99)), 1, "is a JPEG XL picture; run `pip install"),
    "SVG": ("a.svg", lambda p: p.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"), 1, "is an SVG drawing; save"),
    "huge": ("a.png", lambda p: p.write_bytes(png_header(20000, 20000)), 1, "has 400 megapixels; make it smaller"),
    "locked": ("a.png", locked, 1, "permission denied for a.png; allow yourself to read it"),
    "device": ("/dev/null", lambda p: None, 1, "is a device, not a file; pass a JPEG or PNG file"),
}


@pytest.mark.parametrize(("name", "make", "code", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_no_photo(run: Run, name: str, make: Callable[[Path], object], code: int, words: str) -> None:
    if name.startswith("/") and not Path(name).exists():
        pytest.skip(f"this system has no {name}")
    make(Path(name))
    result = run(name, "--out", "out")
    failed(result, code, words)
    assert len(result.stderr.splitlines()) == 1
    assert not Path("out").exists() or file_names("out") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--face", "0"), "'0' is no choice of faces; use largest, all or a number from 1"),
        (("--face", "left"), "'left' is no choice of faces"),
        (("--refine", "0"), "0 is not in the range x>=1"),
        (("--landmarks", "eyes"), "'eyes' is not one of 'mtcnn', 'dlib'"),
        (("--predictor", "p.dat"), "--predictor is dlib's; pass it with --landmarks dlib"),
    ],
)
def test_bad_usage(run: Run, options: tuple[str, ...], words: str) -> None:
    failed(run(ASTRONAUT, *options, "--out", "out"), 2, words)
    failed(run(), 2, "Missing argument 'PHOTO...'")


def test_a_predictor_that_is_not_there(run: Run) -> None:
    failed(run(ASTRONAUT, "--landmarks", "dlib", "--predictor", "p.dat"), 1, "there is no file p.dat; run `styleclip ")
