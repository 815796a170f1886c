"""Pictures of any Pillow mode -> RGB with 8 bits, and their alpha channel."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from styleclip.errors import PhotoError

RGB_SPACE = b"RGB "  # the colour space in bytes 16 to 19 of an ICC profile (ICC.1:2022, table 17)
MODES_16_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # grey levels 0..65535
LEVELS_12_BIT = (
    255,
    1023,
    4095,
)  # the values of white of 8, 10 and 12 bits, which some cameras store in 16
FLOAT_WHITES = (1.0, 255.0, 65535.0)  # the values of white that pictures of floats use


def split_alpha(picture: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """The colours of a decoded picture (RGB, 8 bits) and its alpha ("L"), or None where it has none.

    Colours below transparent pixels are kept. Raises PhotoError for grey values beyond 16 bits, NaN and infinity.
    """
    if picture.mode in MODES_16_BIT:
        return _from_16_bits(picture, name).convert("RGB"), None
    if picture.mode == "F":
        return _from_floats(picture, name).convert("RGB"), None
    if picture.mode in ("CMYK", "LAB"):
        return _to_srgb(picture), None
    if picture.has_transparency_data:
        whole = picture.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    return picture.convert("RGB"), None


def rgb_profile(picture: Image.Image) -> bytes | None:
    """The ICC profile of a picture; None unless it describes RGB and the picture is RGB."""
    profile = picture.info.get("icc_profile")
    usable = isinstance(profile, bytes) and profile[16:20] == RGB_SPACE
    return profile if usable and picture.mode in ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA") else None


def _from_16_bits(picture: Image.Image, name: str) -> Image.Image:
    """Grey 0..65535 -> 0..255 by division by 257, which takes white to white.

    Where no level exceeds 12 bits white is the smallest of `LEVELS_12_BIT` that none exceeds: those are no 16 bits.
    """
    grey = np.asarray(picture)
    if grey.min() < 0 or grey.max() > 65535:
        raise PhotoError(f"{name} holds grey levels outside of 16 bits; save it with 8 bits per channel")
    white = next((white for white in LEVELS_12_BIT if grey.max() <= white), 65535)
    return Image.fromarray(np.rint(grey / np.float32(white / 255)).astype(np.uint8))


def _from_floats(picture: Image.Image, name: str) -> Image.Image:
    """Grey of floats -> 0..255; white is the smallest of `FLOAT_WHITES` that no value exceeds."""
    grey = np.asarray(picture)
    if not np.isfinite(grey).all():
        raise PhotoError(f"{name} holds NaN or infinite values; save it with 8 bits per channel")
    white = next((white for white in FLOAT_WHITES if grey.max() <= white), None)
    if white is None or grey.min() < 0:
        raise PhotoError(f"{name} holds grey levels from {grey.min():.3g} to {grey.max():.3g}; save it with 8 bits")
    return Image.fromarray(np.rint(grey * np.float32(255 / white)).astype(np.uint8))


def _to_srgb(picture: Image.Image) -> Image.Image:
    """CMYK by the profile that the file embeds, else by Pillow's plain formula; CIE L*a*b* by its definition."""
    srgb = ImageCms.createProfile("sRGB")
    if picture.mode == "LAB":
        return _convert_profile(picture, ImageCms.createProfile("LAB"), srgb)
    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        return _convert_profile(picture, embedded, srgb)
    except (KeyError, TypeError, OSError, ImageCms.PyCMSError):
        return picture.convert("RGB")


def _convert_profile(picture: Image.Image, source: ImageCms._CmsProfileCompatible, target: object) -> Image.Image:
    converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")  # type: ignore[arg-type]
    assert converted is not None  # None only for inPlace=True
    return converted
