"""Pictures as files for the page: JPEG, or PNG for small ones that rest."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from styleclip.images import png_bytes

MAX_PNG_PX = 256  # longer side of a picture that is sent without loss
MAX_FINE_PX = 256  # longer side up to which JPEG keeps all colours
FINE, COARSE = {"quality": 95, "subsampling": 0}, {"quality": 88, "subsampling": 2}  # of JPEG
SMALL = {"quality": 90, "subsampling": 2}  # of JPEG, for small copies of photos


def encode_picture(picture: Image.Image, width: int, rest: bool) -> bytes:
    """The file of an RGB picture, reduced to `width` px where it is wider."""
    picture = reduce_to(picture, width, Image.Resampling.LANCZOS if rest else Image.Resampling.BILINEAR)
    longer = max(picture.size)
    if rest and longer <= MAX_PNG_PX:
        return png_bytes(picture)
    return jpeg_bytes(picture, **(FINE if rest or longer <= MAX_FINE_PX else COARSE))


def reduce_to(picture: Image.Image, width: int, resampling: Image.Resampling) -> Image.Image:
    """The picture at this width, or as it is where it is no wider."""
    if picture.width <= width:
        return picture
    size = (width, max(round(picture.height * width / picture.width), 1))
    return picture.resize(size, resampling, reducing_gap=2.0)


def jpeg_bytes(picture: Image.Image, **options: Any) -> bytes:
    """An RGB picture as a JPEG file without metadata; `options` are those of Pillow."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()
