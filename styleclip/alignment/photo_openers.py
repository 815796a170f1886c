"""Files -> pictures that Pillow has opened, by Pillow or by a package for one kind: HEIC, camera raw, JPEG XL.

These packages are imported when the first such file is read.
"""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from typing import IO, Any

from PIL import Image, UnidentifiedImageError, features

from styleclip.alignment.photo_kinds import (
    HEAD_BYTES,
    JPEG_OR_PNG,
    JXL,
    RAW,
    TIFF_HEADS,
    iso_media,
    remedy,
    unsupported_kind,
)
from styleclip.alignment.photo_size import check_size
from styleclip.errors import PhotoError

PILLOW_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM", "QOI", "PSD")
REDUCED_COPY, DNG_VERSION = (254, 1), 50706  # tags of TIFF: NewSubfileType of a thumbnail; of DNG (TIFF/EP, DNG 1.4)
PACKAGES = {RAW: ("rawpy", "rawpy"), JXL: ("pillow_jxl", "pillow-jxl-plugin")}  # kind -> module, name on PyPI
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # of PNG, whose length Pillow limits


def open_image(file: IO[bytes], name: str) -> Image.Image:
    """The picture in a file, opened by its header; raises PhotoError with its kind and a remedy for what does not open.

    `name` is that of the file, whose suffix tells camera raw files from TIFF.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    kind = check_head(head, name)
    try:
        if kind == RAW:
            return _open_raw(file, name)
        if kind == JXL:
            return _open_jxl(file)
        if iso_media(head) == "heic":
            return _open_heic(file, name)
        return _open_by_pillow(file, head, name)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        if head.startswith(JPEG_OR_PNG) or iso_media(head) == "avif" or kind == JXL:
            raise damage_error(name) from error
        raise PhotoError(f"{name} is not a picture that can be read; save it as JPEG or PNG") from error
    except Exception as error:  # parsers of damaged headers raise anything
        raise damage_error(name) from error


def check_head(head: bytes, name: str) -> str | None:
    """Raise PhotoError for a file that does not open, by its first bytes and its name; else RAW, JXL, or None."""
    if not head:
        raise PhotoError(f"{name} is empty; copy or download it again")
    kind = unsupported_kind(head, name)
    if kind is not None and kind not in PACKAGES:
        raise PhotoError(f"{name} is {kind}; {remedy(kind)}")
    if kind is not None and not _is_installed(PACKAGES[kind][0]):
        raise _missing_package(name, kind, PACKAGES[kind][1])
    return kind


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # in sys.modules, without a specification
        return sys.modules.get(module) is not None


def damage_error(name: str) -> PhotoError:
    """The error of a file that cannot be decoded."""
    return PhotoError(f"{name} is damaged or cut off; copy or download it again")


def png_without_texts(file: IO[bytes]) -> IO[bytes] | None:
    """A PNG without its texts and colour profile, of which Pillow decodes some megabytes only; None for other files.

    None also for a PNG that has none. Chunks are those of the PNG specification, section 5.3.
    """
    file.seek(0)
    kept, dropped = [file.read(8)], False
    if not kept[0].startswith(b"\x89PNG"):
        return None
    while len(start := file.read(8)) == 8:
        body = file.read(int.from_bytes(start[:4], "big") + 4)  # with its checksum
        if start[4:] in TEXT_CHUNKS:
            dropped = True
        else:
            kept += [start, body]
    return io.BytesIO(b"".join(kept)) if dropped else None


def _open_by_pillow(file: IO[bytes], head: bytes, name: str) -> Image.Image:
    if iso_media(head) == "avif" and not features.check("avif"):
        raise PhotoError(f"{name} is an AVIF picture; run `pip install 'pillow>=11.3'` or save it as JPEG or PNG")
    Image.init()
    try:
        picture = Image.open(file, formats=[format for format in PILLOW_FORMATS if format in Image.OPEN])
    except UnidentifiedImageError:
        if head.startswith(TIFF_HEADS) and _is_installed("rawpy"):  # a raw file without a thumbnail
            file.seek(0)
            return _open_raw(file, name)
        raise
    tags: Any = getattr(picture, "tag_v2", {})
    if tags.get(REDUCED_COPY[0]) == REDUCED_COPY[1] or DNG_VERSION in tags:
        file.seek(0)
        return _open_raw(file, name)
    return picture


def _open_heic(file: IO[bytes], name: str) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise _missing_package(name, "a HEIC picture", "pillow-heif") from error
    return HeifImageFile(file)


def _open_jxl(file: IO[bytes]) -> Image.Image:
    import pillow_jxl  # noqa: F401 - registers the format

    return Image.open(file, formats=["JXL"])


def _open_raw(file: IO[bytes], name: str) -> Image.Image:
    """The raw photo developed with the white balance of the camera, upright, as sRGB with 8 bits."""
    if not _is_installed("rawpy"):
        raise _missing_package(name, RAW, "rawpy")
    import rawpy

    try:
        with rawpy.imread(file) as raw:
            check_size((raw.sizes.width, raw.sizes.height), name)
            return Image.fromarray(raw.postprocess(use_camera_wb=True))
    except rawpy.LibRawError as error:
        raise PhotoError(f"{name} is {RAW} that cannot be read; save it as JPEG or PNG") from error


def _missing_package(name: str, kind: str, package: str) -> PhotoError:
    return PhotoError(f"{name} is {kind}; run `pip install {package}` or save it as JPEG or PNG")
