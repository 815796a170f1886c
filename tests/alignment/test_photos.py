"""Reading photos: modes, orientations and formats."""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from styleclip.alignment.photos import read_photo
from styleclip.errors import PhotoError
from styleclip.images import png_bytes
from tests.helpers.photos import SRGB, STORED, astronaut, pixel_difference, stored_turned
from tests.helpers.pictures import SIZE, noise, pixels, ramp, save
from tests.helpers.support import assert_is_one_sentence


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_eight_bits_stay_as_they_are(tmp_path: Path, mode: str) -> None:
    picture = noise(mode)
    photo = read_photo(save(tmp_path, picture))
    assert (photo.image.mode, photo.image.size, photo.path) == ("RGB", SIZE, tmp_path / "a.png")
    colours = picture.convert("RGBA").convert("RGB")
    assert (pixels(photo.image) == pixels(colours)).all()
    assert (photo.alpha is not None) == mode.endswith("A")
    if photo.alpha is not None:
        assert photo.alpha.mode == "L"
        assert (pixels(photo.alpha) == pixels(picture.getchannel("A"))).all()


@pytest.mark.parametrize(("array", "name"), [("<u2", "a.png"), ("<u2", "a.tif"), (">u2", "a.tif"), ("<i4", "a.tif")])
def test_16_bits_are_scaled_and_not_clipped(tmp_path: Path, array: str, name: str) -> None:
    photo = read_photo(save(tmp_path, Image.fromarray(ramp(array, 65535)), name))
    assert (pixels(photo.image)[..., 0] == np.rint(ramp("f8", 65535).astype(int) / 257)).all()


@pytest.mark.parametrize(("most", "white"), [(255, 255), (1000, 1023), (4080, 4095), (4096, 65535)])
def test_fewer_than_16_bits_are_no_black_picture(tmp_path: Path, most: int, white: int) -> None:
    photo = read_photo(save(tmp_path, Image.fromarray(ramp("<u2", most)), "a.png"))
    assert abs(pixels(photo.image)[..., 0] - ramp("f8", most).astype(int) * 255 / white).max() <= 0.51


def test_photos_carry_no_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    path = save(tmp_path, noise(), "a.jpg", exif=exif, xmp=b"<x:xmpmeta/>", icc_profile=SRGB, comment=b"me")
    photo = read_photo(path)
    assert photo.image.info == {} and photo.icc_profile == SRGB


@pytest.mark.parametrize("top", [1, 255, 65535])
def test_floats_have_white_where_their_range_ends(tmp_path: Path, top: int) -> None:
    photo = read_photo(save(tmp_path, Image.fromarray(ramp("f4", top)), "a.tif"))
    assert abs(pixels(photo.image)[..., 1] - ramp("f8", 255)).max() <= 0.51  # rounding, and the floats' own


def test_bits_and_palettes(tmp_path: Path) -> None:
    bits = noise("L").convert("1")
    assert (pixels(read_photo(save(tmp_path, bits)).image) == pixels(bits.convert("RGB"))).all()
    palette = noise().quantize(16)
    assert read_photo(save(tmp_path, palette)).alpha is None
    photo = read_photo(save(tmp_path, palette, transparency=3))
    assert (pixels(photo.image) == pixels(palette.convert("RGB"))).all()
    assert (pixels(photo.alpha) == np.where(pixels(palette) == 3, 0, 255)).all()


def test_a_transparent_colour_is_alpha(tmp_path: Path) -> None:
    photo = read_photo(save(tmp_path, Image.new("RGB", SIZE, "red"), transparency=(255, 0, 0)))
    assert photo.alpha is not None and photo.alpha.getextrema() == (0, 0)
    assert photo.image.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("profile", [None, b"no profile at all", SRGB])
def test_cmyk_becomes_rgb_with_and_without_a_profile(tmp_path: Path, profile: bytes | None) -> None:
    """An RGB profile does not fit CMYK: Pillow's plain formula, 255 - ink - black, then holds."""
    picture = Image.new("CMYK", SIZE, (0, 255, 255, 0))
    photo = read_photo(save(tmp_path, picture, "a.tif", icc_profile=profile))
    assert photo.image.getpixel((5, 5)) == (255, 0, 0)
    assert photo.icc_profile is None


def test_lab_and_ycbcr(tmp_path: Path) -> None:
    white = read_photo(save(tmp_path, Image.new("LAB", SIZE, (255, 128, 128)), "a.tif"))
    assert pixels(white.image).min() >= 254  # L* = 100 is white, to rounding
    grey = read_photo(save(tmp_path, Image.new("YCbCr", SIZE, (100, 128, 128)), "b.tif"))
    assert abs(pixels(grey.image) - 100).max() <= 1


def test_profiles_of_rgb_are_kept(tmp_path: Path) -> None:
    assert read_photo(save(tmp_path, noise(), icc_profile=SRGB)).icc_profile == SRGB
    assert read_photo(save(tmp_path, noise("RGBA"), icc_profile=SRGB)).icc_profile == SRGB
    assert read_photo(save(tmp_path, noise("L"), icc_profile=SRGB)).icc_profile is None
    assert read_photo(save(tmp_path, noise(), icc_profile=b"rubbish")).icc_profile is None


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", STORED)
def test_orientations(tmp_path: Path, orientation: int, name: str) -> None:
    upright = noise("RGBA")
    stored, exif = stored_turned(upright, orientation)
    options = {"lossless": True, "exact": True} if name == "a.webp" else {}
    photo = read_photo(save(tmp_path, stored, name, exif=exif, **options))
    assert (pixels(photo.image) == pixels(upright.convert("RGB"))).all()
    assert (pixels(photo.alpha) == pixels(upright.getchannel("A"))).all()


def exif_bytes(*entries: tuple[int, int, int, int]) -> bytes:
    """EXIF of entries (tag, type, count, value), whatever they say (TIFF 6.0, section 2)."""
    rows = b"".join(struct.pack(">HHIi", *entry) for entry in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + rows + bytes(4)


TURNED = (0x0112, 3, 1, 6 << 16)  # one SHORT, which is stored to the left: a quarter turn


DAMAGED_EXIF = {
    "empty": b"Exif\0\0",
    "cut off": b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12",
    "no EXIF": b"Exif\0\0garbage here",
    "orientation 9": exif_bytes((0x0112, 3, 1, 9 << 16)),
    "a text": exif_bytes((0x0112, 2, 2, 0x36 << 24)),
    "turned, and a negative width": exif_bytes(TURNED, (0x0100, 9, 1, -5)),  # readable, but Pillow cannot write it
}


@pytest.mark.parametrize("exif", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF.keys())
def test_damaged_exif_is_no_orientation(tmp_path: Path, exif: bytes) -> None:
    assert read_photo(save(tmp_path, noise(), "a.jpg", exif=exif)).image.size == SIZE


def test_damage_elsewhere_in_exif_leaves_the_orientation(tmp_path: Path) -> None:
    broken = [(0x010F, 99, 4, 0), (0x010F, 2, 4000, 9999), (0x8769, 4, 1, 99999)]
    for entry in broken:  # unknown type, text beyond the end, folder beyond the end
        photo = read_photo(save(tmp_path, noise(), "a.jpg", exif=exif_bytes(TURNED, entry)))
        assert photo.image.size == SIZE[::-1]


def test_reading_leaves_the_picture_as_it_is() -> None:
    stored, exif = stored_turned(noise(), 6)
    stored.info["exif"] = exif.tobytes()
    assert read_photo(stored).image.size == SIZE
    assert stored.size == SIZE[::-1] and stored.getexif()[0x0112] == 6


# --- HEIC and AVIF


@pytest.fixture
def heif() -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()  # for writing; reading needs no registration


@pytest.mark.usefixtures("heif")
@pytest.mark.parametrize("name", ["a.heic", "a.HIF", "a.jpg"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_heic(tmp_path: Path, name: str, orientation: int) -> None:
    """Under any name, as phones and messengers write it; the compression costs less than 4 grey levels on average."""
    stored, exif = stored_turned(astronaut(), orientation)
    photo = read_photo(save(tmp_path, stored, name, format="HEIF", exif=exif.tobytes(), quality=90))
    assert pixel_difference(photo.image, astronaut()).mean() < 4
    assert photo.alpha is None and photo.path == tmp_path / name


@pytest.mark.usefixtures("heif")
def test_heic_with_alpha_profile_and_more_pictures(tmp_path: Path) -> None:
    """The first picture is the photo."""
    options = {"save_all": True, "append_images": [noise(size=(64, 64))]}
    photo = read_photo(save(tmp_path, noise("RGBA"), "a.heic", icc_profile=SRGB, quality=-1, **options))
    assert photo.icc_profile == SRGB and photo.image.size == SIZE
    assert (pixels(photo.alpha) == pixels(noise("RGBA").getchannel("A"))).all()


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize("name", ["a.avif", "a.jpg"])
@pytest.mark.parametrize("orientation", [1, 8])
def test_avif(tmp_path: Path, name: str, orientation: int) -> None:
    stored, exif = stored_turned(astronaut(), orientation)
    photo = read_photo(save(tmp_path, stored, name, format="AVIF", exif=exif, quality=90))
    assert pixel_difference(photo.image, astronaut()).mean() < 4


def test_what_heic_and_avif_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(features, "check", lambda name: False)
    remedies = {
        b"heic": "is a HEIC picture; run `pip install pillow-heif`",
        b"avif": "; run `pip install 'pillow>=11.3'`",
    }
    for brand, words in remedies.items():
        path = tmp_path / "a.jpg"
        path.write_bytes(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1" + brand + bytes(99))
        with pytest.raises(PhotoError, match=re.escape(words)) as caught:
            read_photo(path)
        assert_is_one_sentence(str(caught.value))


def test_a_photo_with_its_preview_is_one_photo(tmp_path: Path) -> None:
    path = save(tmp_path, noise(), "a.jpg", format="MPO", save_all=True, append_images=[noise(size=(32, 32))])
    with Image.open(path) as picture:
        assert (picture.format, picture.n_frames) == ("MPO", 2)
    assert read_photo(path).image.size == SIZE


@pytest.mark.parametrize(("record", "aligned"), [({"seed": 3}, True), ({"pasted": True}, False), (None, False)])
def test_pictures_of_ours_are_aligned(tmp_path: Path, record: dict[str, object] | None, aligned: bool) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(noise(), record))
    assert read_photo(path).aligned is aligned


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_foreign_records_are_none(tmp_path: Path, text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("styleclip", text)
    assert not read_photo(save(tmp_path, noise(), pnginfo=info)).aligned
