"""Photos from Python: files, bytes, open files, pictures and arrays; PNGs with long texts and profiles."""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from styleclip.alignment.photos import Photo, read_photo
from styleclip.errors import PhotoError
from styleclip.images import png_bytes, read_record
from tests.helpers.photos import SRGB
from tests.helpers.pictures import SIZE, noise, pixels, save
from tests.helpers.support import assert_is_one_sentence

PNG = png_bytes(noise())


class OnlyRead:
    """A stream that cannot go back, such as the body of a reply."""

    def __init__(self) -> None:
        self.read = io.BytesIO(PNG).read


def spooled() -> Any:
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    file.write(PNG)  # and is at its end
    return file


SOURCES: dict[str, Any] = {
    "bytes": PNG,
    "bytearray": bytearray(PNG),
    "memoryview": memoryview(PNG),
    "BytesIO": io.BytesIO(PNG),
    "stream": OnlyRead(),
    "upload": spooled(),
    "Pillow": noise(),
    "Pillow of a file": Image.open(io.BytesIO(PNG)),
    "array": np.asarray(noise()),
    "Fortran order": np.asfortranarray(np.asarray(noise())),
    "mirrored twice": np.asarray(noise())[::-1].copy()[::-1],
    "tensor": torch.from_numpy(np.asarray(noise()).copy()),
    "photo": Photo(noise()),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_a_photo_may_be(source: Any) -> None:
    photo = read_photo(source)
    assert (pixels(photo.image) == pixels(noise())).all() and photo.path is None and photo.name == "the picture"


def test_a_file_and_an_open_file(tmp_path: Path) -> None:
    path = save(tmp_path, noise())
    for source in (path, str(path)):
        assert read_photo(source).path == path
    with open(path, "rb") as file:
        file.read(9)
        assert read_photo(file).format == "PNG"
    with open(path, encoding="latin-1") as text, pytest.raises(PhotoError, match="open it with mode 'rb'"):
        read_photo(text)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_arrays_have_one_to_four_channels(mode: str) -> None:
    photo = read_photo(np.asarray(noise(mode)))
    assert (pixels(photo.image) == pixels(noise(mode).convert("RGBA").convert("RGB"))).all()
    if mode.endswith("A"):
        assert (pixels(photo.alpha) == pixels(noise(mode).getchannel("A"))).all()


def test_the_photo_is_a_copy_of_the_array() -> None:
    array = np.asarray(noise()).copy()
    photo = read_photo(array)
    array[:] = 0
    assert (pixels(photo.image) == pixels(noise())).all()


def closed(source: Any) -> Any:
    source.close()
    return source


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((64, 64, 3)), r"an array \[64, 64, 3\] of float64 is no photo; pass \[H, W, 3\] uint8"),
        (
            np.zeros((3, 64, 64), np.uint8),
            r"an array \[3, 64, 64\] of uint8 .* array.transpose\(1, 2, 0\)",
        ),
        (np.zeros((1, 64, 64, 3), np.uint8), r"an array \[1, 64, 64, 3\].* array\[0\]"),
        (np.zeros((64, 64, 3), np.uint16), r"array / 257"),
        (np.zeros((64, 64, 3), bool), r"255 \* array.astype"),
        (np.zeros((64, 64, 3), np.int64), r"e.g. array.astype\('uint8'\)"),
        ("a\0b.jpg", "the name of the photo holds a null character; .* pass bytes"),
        ("https://example.com/me.jpg", "the name of the photo is a URL; download the picture"),
        (Path("https://example.com/me.jpg"), "is a URL; download"),
        ("file:///home/me.jpg", "is a URL; download"),
        (closed(io.BytesIO(PNG)), "the open file was closed; open it again"),
        (closed(Image.open(io.BytesIO(PNG))), "the picture was closed; open it again"),
        (np.zeros((64, 0, 3), np.uint8), "is no photo"),
        (np.zeros((64, 2, 3), np.uint8), "the picture is only 2 x 64 px"),
        (torch.zeros(1, 3, 64, 64, requires_grad=True), "of float32 is no photo"),
        (b"", "the picture is empty"),
        (b"dear diary", "the picture is not a picture that can be read"),
        (PNG[:-600], "the picture is damaged or cut off"),
        (None, "a NoneType is no photo; pass a file, its bytes"),
        (7, "an? int is no photo"),
        ([noise()], "a list is no photo"),
    ],
)
def test_what_is_no_photo(source: Any, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as caught:
        read_photo(source)
    assert_is_one_sentence(str(caught.value))


# --- PNGs with long texts and large profiles


def with_texts(*texts: tuple[str, bool], profile: bytes | None = None, after: bool = False) -> bytes:
    """The picture with texts, compressed or not; `after` puts them behind the pixels, where Pillow reads them late."""
    info = PngImagePlugin.PngInfo()
    for text, compressed in texts:
        if after:
            body = b"Comment\0\0" + zlib.compress(text.encode()) if compressed else b"Comment\0" + text.encode()
            info.add(b"zTXt" if compressed else b"tEXt", body, after_idat=True)
        else:
            info.add_text("Comment", text, zip=compressed)
    buffer = io.BytesIO()
    noise().save(buffer, "PNG", pnginfo=info, icc_profile=profile)
    return buffer.getvalue()


LONG = {
    "1.5 MB": lambda: with_texts(("x" * 1_500_000, True)),
    "20 MB": lambda: with_texts(("x" * 20_000_000, True)),
    "20 MB at the end": lambda: with_texts(("x" * 20_000_000, True), after=True),
    "80 MB in parts": lambda: with_texts(*[("x" * 10_000_000, True)] * 8),
    "2 MB as they are": lambda: with_texts(("x" * 2_000_000, False)),
    "profile of 3 MB": lambda: with_texts(profile=SRGB + bytes(3_000_000)),
    "profile of 20 MB": lambda: with_texts(profile=SRGB + bytes(20_000_000)),
}


@pytest.mark.parametrize("write", LONG.values(), ids=LONG.keys())
def test_long_texts_and_profiles_are_no_damage(write: Callable[[], bytes]) -> None:
    assert (pixels(read_photo(write()).image) == pixels(noise())).all()


def test_profiles_are_kept_up_to_16_mib() -> None:
    assert read_photo(LONG["profile of 3 MB"]()).icc_profile == SRGB + bytes(3_000_000)
    assert read_photo(LONG["profile of 20 MB"]()).icc_profile is None


def test_pillow_keeps_its_limit_of_texts() -> None:
    before = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    read_photo(LONG["20 MB"]())
    assert before == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


def test_records_are_read_beside_a_large_profile(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(noise(), {"seed": 3}, SRGB + bytes(3_000_000)))
    assert read_record(path) == {"seed": 3}
    assert read_photo(path).image.size == SIZE and read_photo(path).aligned
