"""Files that are no photo, limits of Pillow and of the system, and photos by folder and pattern."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from styleclip.alignment import photos
from styleclip.alignment.photo_kinds import PHOTO_SUFFIXES
from styleclip.alignment.photo_paths import find_photos
from styleclip.alignment.photo_size import MAX_MEGAPIXELS
from styleclip.alignment.photos import read_photo
from styleclip.errors import PhotoError, UsageError
from tests.helpers.photos import png_header
from tests.helpers.pictures import SIZE, noise, ramp, save
from tests.helpers.support import assert_is_one_sentence


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def encode_frames(kind: str) -> bytes:
    return encode(noise("L"), kind, save_all=True, append_images=[noise("L").rotate(angle) for angle in (90, 180)])


BAD: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "text": ("a.jpg", lambda: b"dear diary", "not a picture"),
    "empty": ("a.jpg", lambda: b"", "is empty"),
    "cut JPEG": ("a.jpg", lambda: encode(noise(), "JPEG")[:-600], "damaged or cut off"),
    "cut PNG": ("a.png", lambda: encode(noise(), "PNG")[:-600], "damaged or cut off"),
    "cut header": ("a.jpg", lambda: encode(noise(), "JPEG")[:30], "damaged or cut off"),
    "cut TIFF": ("a.tif", lambda: encode(noise(), "TIFF")[:900], "damaged or cut off"),
    "torn PNG": ("a.png", lambda: encode(noise(), "PNG").replace(b"IDAT", b"IDAX"), "damaged or cut off"),
    "GIF": ("a.gif", lambda: encode_frames("GIF"), "3 frames"),
    "APNG": ("a.png", lambda: encode_frames("PNG"), "3 frames"),
    "WebP": ("a.webp", lambda: encode_frames("WEBP"), "3 frames"),
    "TIFF pages": ("a.tif", lambda: encode_frames("TIFF"), "3 pages"),
    "one pixel": ("a.png", lambda: encode(noise(size=(1, 1)), "PNG"), "only 1 x 1 px"),
    "a line": ("a.png", lambda: encode(noise(size=(500, 31)), "PNG"), "only 500 x 31 px"),
    "huge": ("a.png", lambda: png_header(20_001, 10_000), "200 megapixels; make it smaller"),
    "no pixels": ("a.png", lambda: png_header(64, 64), "damaged or cut off"),
    "SVG": ("a.svg", lambda: b'<?xml version="1.0"?><svg/>', "an SVG drawing"),
    "PDF": ("a.jpg", lambda: b"%PDF-1.7 ...", "a PDF document"),
    "cut HEIC": ("a.heic", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged or cut off"),
    "cut AVIF": ("a.avif", lambda: encode(noise(), "AVIF")[:-300], "damaged or cut off"),
    "text called HEIC": ("a.heic", lambda: b"dear diary", "not a picture"),
    "camera raw": ("a.dng", lambda: encode(noise(), "TIFF"), "a camera raw file"),
    "web page": ("a.jpg", lambda: b"\n<!DOCTYPE HTML><html>404</html>", "a web page"),
    "Git LFS": ("a.png", lambda: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    "video": ("a.mp4", lambda: b"\0\0\0\x18ftypisom", "a video"),
    "NaN": ("a.tif", lambda: encode(Image.fromarray(ramp("f4", float("nan"))), "TIFF"), "NaN"),
    "negative": ("a.tif", lambda: encode(Image.fromarray(ramp("f4", -3)), "TIFF"), "grey levels from -3 to"),
    "32 bits": ("a.tif", lambda: encode(Image.fromarray(ramp("<i4", 70_000)), "TIFF"), "outside of 16 bits"),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_one_sentence(tmp_path: Path, name: str, content: Callable[[], bytes], words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(PhotoError, match=words) as caught:
        read_photo(path)
    assert_is_one_sentence(str(caught.value))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"), [("", "is a folder"), ("none.jpg", "there is no file"), ("/dev/null", "is a device")]
)
def test_paths_that_are_no_files(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as caught:
        read_photo(tmp_path / name)
    assert_is_one_sentence(str(caught.value))


@pytest.mark.parametrize(("code", "words"), [(13, "permission denied"), (5, "cannot read .*: Input/output error")])
def test_what_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    """Raised by hand: tests may run as root, who may read everything."""
    path = save(tmp_path, noise())

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(photos, "open", refuse, raising=False)
    with pytest.raises(PhotoError, match=words) as caught:
        read_photo(path)
    assert_is_one_sentence(str(caught.value))


def test_pillow_keeps_its_own_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's limits of pixels neither warn nor hold for our photos, and are restored afterwards."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # a warning above 500, an error above 1000
    path = save(tmp_path, noise())
    assert read_photo(path).image.size == SIZE and SIZE[0] * SIZE[1] > 1000
    assert Image.MAX_IMAGE_PIXELS == 500
    assert MAX_MEGAPIXELS == 200


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "holiday" / "day2").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "day2/c.jpeg", "odd[1].png"):
        (tmp_path / "holiday" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["holiday"], ["a.png", "b.JPG", "odd[1].png"]),
        (["holiday/*"], ["a.png", "b.JPG", "odd[1].png"]),
        (["holiday/**/*.jp*g"], ["day2/c.jpeg"]),
        (["holiday/**"], ["a.png", "b.JPG", "day2/c.jpeg", "odd[1].png"]),
        (["holiday/odd[1].png"], ["odd[1].png"]),
        (["holiday/b.JPG", "./holiday/", "holiday/day2/../b.JPG"], ["b.JPG", "a.png", "odd[1].png"]),
        (["holiday/notes.txt"], ["notes.txt"]),
        ([], []),
    ],
)
def test_names_of_photos(album: Path, names: list[str], expected: list[str]) -> None:
    assert [path.as_posix() for path in find_photos(names).photos] == [f"holiday/{name}" for name in expected]


def test_folders_list_every_format_that_can_be_read(tmp_path: Path) -> None:
    assert {".jpg", ".png", ".webp", ".avif", ".heic", ".heif"} <= set(PHOTO_SUFFIXES)
    for suffix in PHOTO_SUFFIXES:
        (tmp_path / f"a{suffix}").touch()
    assert len(find_photos([str(tmp_path)]).photos) == len(PHOTO_SUFFIXES)


@pytest.mark.parametrize("name", ["hollyday", "holiday/*.gif", "empty", "me.jpg", ""])
def test_names_that_mean_nothing(album: Path, name: str) -> None:
    (album / "empty").mkdir()
    if not name:
        (album / "holiday").rename(album / "other")  # the empty name is the folder itself
    with pytest.raises(UsageError, match="there is no picture") as caught:
        find_photos([name])
    assert_is_one_sentence(str(caught.value))
