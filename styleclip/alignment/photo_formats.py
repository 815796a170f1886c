"""The formats in which an edited photo is written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from PIL import Image, features

from styleclip.alignment.photos import Photo
from styleclip.errors import PhotoError, UsageError
from styleclip.images import png_bytes

FormatName = Literal["png", "jpeg", "webp", "same"]
DEFAULT_QUALITY = 95


@dataclass(frozen=True)
class _Encoder:
    """A format of Pillow: its suffix, options, largest side, and whether it has an alpha channel and a quality."""

    suffix: str
    options: Mapping[str, Any]
    max_side_px: int
    alpha: bool = True
    lossy: bool = True

    def options_at(self, quality: int) -> dict[str, Any]:
        return {**self.options, **({"quality": quality} if self.lossy else {})}


ENCODERS = {
    "PNG": _Encoder(".png", {}, 2**31 - 1, lossy=False),
    "JPEG": _Encoder(".jpg", {"subsampling": 0, "optimize": True}, 65500, alpha=False),
    "WEBP": _Encoder(".webp", {"method": 4}, 16383),
    "AVIF": _Encoder(".avif", {}, 65536),
    "HEIF": _Encoder(".heic", {}, 16384),
    "TIFF": _Encoder(".tif", {"compression": "tiff_lzw"}, 2**31 - 1, lossy=False),
    "JPEG2000": _Encoder(".jp2", {}, 2**31 - 1, lossy=False),
    "BMP": _Encoder(".bmp", {}, 2**31 - 1, alpha=False, lossy=False),
}


@dataclass(frozen=True)
class PhotoFormat:
    """How an edited photo is written.

    Args:
        name: png, jpeg, webp, or same: the format of the photo, of those that can be written without loss of colours:
            JPEG, PNG, WebP, AVIF, HEIC, TIFF, JPEG 2000, BMP. Others, and pixels without a file, become PNG.
        quality: 1 to 100, of the formats that lose some; None is 95.

    Example:
        edited.save("family", photo_format=PhotoFormat("jpeg", quality=90))
    """

    name: FormatName = "png"
    quality: int | None = None

    def __post_init__(self) -> None:
        if self.name not in get_args(FormatName):
            raise UsageError(f"{self.name!r} is no format of a photo; use {', '.join(get_args(FormatName))}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"a quality of {self.quality} is not possible; use 1 to 100")
        if self.quality is not None and self.name == "png":
            raise UsageError("PNG has no quality; leave it out, or use jpeg, webp or same")

    def file_name(self, photo: Photo) -> str:
        """photo.png, photo.jpg, ..."""
        return f"photo{ENCODERS[self._format(photo)].suffix}"

    def check(self, photo: Photo) -> None:
        """Raise PhotoError for a photo that is too large for the format."""
        format, side = self._format(photo), max(photo.image.size)
        if side > ENCODERS[format].max_side_px:
            raise PhotoError(f"{photo.name} has a side of {side} px, too long for {format}; use png")

    def encode(self, picture: Image.Image, photo: Photo, record: Mapping[str, Any] | None = None) -> bytes:
        """The picture as a file, with the colour profile of the photo; PNG carries the record.

        Transparent places are white in formats without an alpha channel.
        """
        format = self._format(photo)
        if format == "PNG":
            return png_bytes(picture, record, photo.icc_profile)
        encoder, buffer = ENCODERS[format], io.BytesIO()
        if picture.mode == "RGBA" and not encoder.alpha:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        profile = {"icc_profile": photo.icc_profile} if photo.icc_profile else {}
        picture.save(buffer, format, **encoder.options_at(self.quality or DEFAULT_QUALITY), **profile)
        return buffer.getvalue()

    def _format(self, photo: Photo) -> str:
        """Pillow's name of the format."""
        if self.name != "same":
            return self.name.upper()
        found = {"MPO": "JPEG"}.get(str(photo.format), str(photo.format))
        return found if found in ENCODERS and _can_write(found) else "PNG"


def _can_write(format: str) -> bool:
    """Whether this environment writes the format; HEIC takes pillow-heif, whose writer is registered here."""
    if format == "AVIF":
        return bool(features.check("avif"))
    if format == "HEIF":
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            return False
        register_heif_opener()
    Image.init()
    return format in Image.SAVE
