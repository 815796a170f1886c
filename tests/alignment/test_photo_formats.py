"""Formats of edited photos: what each keeps, what it cannot hold, and that of the photo itself."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from styleclip.alignment.photo_formats import ENCODERS, PhotoFormat
from styleclip.alignment.photos import Photo, read_photo
from styleclip.errors import PhotoError, UsageError
from styleclip.images import RECORD_KEY
from tests.helpers.photos import SRGB, astronaut, pixel_difference
from tests.helpers.pictures import noise

RECORD = {"pasted": True}


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ENCODERS)
def test_same_is_the_format_of_the_photo(kind: str) -> None:
    """With its colour profile; what loses nothing gives the pixels back, the others nearly."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    photo = read_photo(encode(astronaut(), kind, **({} if kind == "BMP" else {"icc_profile": SRGB})))
    content = PhotoFormat("same").encode(photo.image, photo, RECORD)
    again = read_photo(content)
    assert again.format == kind and PhotoFormat("same").file_name(photo) == f"photo{ENCODERS[kind].suffix}"
    assert again.icc_profile == photo.icc_profile and (photo.icc_profile == SRGB) is (kind not in ("BMP", "JPEG2000"))
    difference = pixel_difference(again.image, photo.image)
    assert difference.mean() < 2 and (ENCODERS[kind].lossy or difference.max() == 0)
    assert (RECORD_KEY in opened(content).info) is (kind == "PNG")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "JPEG2000", "GIF"])
def test_no_texts_of_the_photo_are_written(kind: str) -> None:
    """Comments, EXIF and XMP, which may tell who took a photo and where."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = "a secret place"
    texts: dict[str, Any] = {"exif": exif, "xmp": b"<x>a secret place</x>", "comment": b"a secret place"}
    if kind == "PNG":
        texts["pnginfo"] = PngInfo()
        texts["pnginfo"].add_text("Comment", "a secret place")
    if kind == "TIFF":
        texts["tiffinfo"] = {270: "a secret place", 700: texts.pop("xmp")}
    photo = encode(noise(), kind, **texts)
    if kind != "GIF":
        assert b"a secret place" in photo
    picture = opened(photo)
    for source in (photo, picture):
        read = read_photo(source)
        for name in ("same", "jpeg", "png", "webp"):
            assert b"secret" not in PhotoFormat(name).encode(read.image, read)  # type: ignore[arg-type]
    assert picture.info or kind in ("TIFF",), "the picture of the caller is as it was"


@pytest.mark.parametrize("photo", [Photo(noise()), Photo(noise(), format="GIF"), Photo(noise(), format="PSD")])
def test_what_cannot_be_written_becomes_png(photo: Photo) -> None:
    assert PhotoFormat("same").file_name(photo) == "photo.png"


def test_phones_and_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PhotoFormat("same").file_name(Photo(noise(), format="MPO")) == "photo.jpg"
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert PhotoFormat("same").file_name(Photo(noise(), format="HEIF")) == "photo.png"


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_quality(name: Any) -> None:
    photo = Photo(astronaut())
    low, default, high = (len(PhotoFormat(name, quality).encode(photo.image, photo)) for quality in (20, None, 100))
    assert low < default / 3 and default < high


def test_alpha_is_kept_or_white() -> None:
    picture = Image.new("RGBA", (64, 64), (200, 0, 0, 0))
    photo = Photo(picture.convert("RGB"))
    for name in ("png", "webp"):
        assert opened(PhotoFormat(name).encode(picture, photo)).getchannel("A").getextrema() == (0, 0)  # type: ignore[arg-type]
    white = opened(PhotoFormat("jpeg").encode(picture, photo))
    assert white.mode == "RGB" and np.asarray(white).min() >= 254


@pytest.mark.parametrize("kind", [*ENCODERS])
def test_no_profile_of_another_colour_space_is_written(kind: str) -> None:
    """A photo in CMYK is written as RGB."""
    photo = read_photo(encode(noise("CMYK"), "TIFF", icc_profile=SRGB[:16] + b"CMYK" + SRGB[20:]))
    written = opened(PhotoFormat("same").encode(photo.image, replace(photo, format=kind)))
    assert written.mode == "RGB" and not written.info.get("icc_profile")


def test_limits() -> None:
    wide = Photo(Image.new("RGB", (16384, 32)))
    with pytest.raises(PhotoError, match="has a side of 16384 px, too long for WEBP; use png"):
        PhotoFormat("webp").check(wide)
    PhotoFormat("jpeg").check(wide)
    for options, words in {
        ("gif",): "no format of a photo; use png, jpeg, webp, same",
        ("jpeg", 0): "a quality of 0",
        ("jpeg", 101): "use 1 to 100",
        ("png", 90): "PNG has no quality",
    }.items():
        with pytest.raises(UsageError, match=words):
            PhotoFormat(*options)  # type: ignore[arg-type]
