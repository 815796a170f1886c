"""Photos of any format, mode, orientation and size -> upright RGB pictures, or a PhotoError of one sentence.

Pillow decodes everything but HEIC, which takes pillow-heif, imported when the first HEIC file is read. The formats are
recognised by the first bytes of a file, because phones and messengers rename files.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError, features

from styleclip.alignment.color_modes import rgb_profile, split_alpha
from styleclip.errors import PhotoError
from styleclip.images import RECORD_KEY

PILLOW_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM", "QOI")
MULTI_IMAGE_FORMATS = ("MPO", "HEIF")  # phones store previews and depth maps beside the photo, which is opened first
MAX_MEGAPIXELS = 200
MIN_SIDE_PX = 32  # a face in a smaller picture cannot be found
HEAD_BYTES = 64  # by which a format is recognised
JPEG_OR_PNG = (b"\xff\xd8\xff", b"\x89PNG")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # ISO/IEC 23008-12
AVIF_BRANDS = (b"avif", b"avis")
UNSUPPORTED_SUFFIXES = {  # camera raw files are TIFF, of which Pillow reads the thumbnail only
    "a camera raw file": ".arw .cr2 .cr3 .dng .nef .nrw .orf .pef .raf .raw .rw2 .srw",
    "an SVG drawing": ".svg .svgz",
    "a PDF document": ".pdf",
    "a PostScript file": ".eps .ps .ai",
    "a Photoshop file": ".psd .psb",
    "a GIMP file": ".xcf",
    "a JPEG XL picture": ".jxl",
    "a video": ".mp4 .mov .m4v .avi .mkv .webm",
}
UNSUPPORTED_HEADS = {  # in lower case
    b"%pdf": "a PDF document",
    b"%!ps": "a PostScript file",
    b"8bps": "a Photoshop file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a Git LFS pointer and not the picture itself",
}
_pillow_lock = threading.Lock()


@dataclass(frozen=True)
class Photo:
    """An upright RGB picture with 8 bits per channel.

    `aligned` is true for pictures that styleclip rendered, in which the face is framed already.
    """

    image: Image.Image
    alpha: Image.Image | None = None  # "L", of the same size
    icc_profile: bytes | None = None  # of RGB files, to be written back
    path: Path | None = None
    aligned: bool = False

    @property
    def name(self) -> str:
        """The path, for messages; "the picture" where there is none."""
        return str(self.path or "the picture")


PhotoLike = Photo | Image.Image | Path | str  # a photo, a picture that Pillow has opened, or a file


def open_photo(photo: PhotoLike) -> Photo:
    """The photo in a file or of a picture; a Photo is returned as it is. Raises PhotoError as `read_photo` does."""
    if isinstance(photo, Photo):
        return photo
    return photo_from_image(photo) if isinstance(photo, Image.Image) else read_photo(Path(photo))


def read_photo(path: Path) -> Photo:
    """Read a picture in any format and mode that can be decoded; the EXIF orientation is applied.

    16-bit grey is divided by 257, CMYK is converted by its embedded ICC profile where it has one. Raises PhotoError
    unless the file is one picture of at least 32 px a side and at most 200 megapixels.
    """
    path = Path(path)
    with _quiet_pillow(), _open_file(path) as file:
        return photo_from_image(_open_image(file, path), path)


def photo_from_image(picture: Image.Image, path: Path | None = None) -> Photo:
    """The photo of a picture that Pillow has opened. Raises PhotoError as `read_photo` does."""
    name = path or Path("the picture")
    _check_size(picture, name)
    _decode(picture, name)
    upright = _turn_upright(picture)
    colours, alpha = split_alpha(upright, str(name))
    return Photo(colours, alpha, rgb_profile(upright), path, _is_our_output(picture))


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Suspend Pillow's warnings and its limit of 89 megapixels, which cameras exceed; `MAX_MEGAPIXELS` holds."""
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _open_file(path: Path) -> Iterator[IO[bytes]]:
    if path.is_dir():
        raise PhotoError(f"{path} is a folder; name one picture in it")
    if path.exists() and not path.is_file():
        raise PhotoError(f"{path} is a device, not a file; pass a JPEG or PNG file")
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise PhotoError(f"there is no file {path}; check the name and the folder") from error
    except PermissionError as error:
        raise PhotoError(f"permission denied for {path}; allow yourself to read it") from error
    except OSError as error:
        raise PhotoError(f"cannot read {path}: {error.strerror}; copy it to another disk") from error


def _open_image(file: IO[bytes], path: Path) -> Image.Image:
    """The picture, opened by its header. Raises PhotoError with the kind of the file where it is a known other one."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise PhotoError(f"{path} is empty; copy or download it again")
    if unsupported := unsupported_format(head, path):
        raise PhotoError(f"{path} is {unsupported}; save it as JPEG or PNG")
    Image.init()
    try:
        if _brand(head) in HEIC_BRANDS:
            return _open_heic(file, path)
        if _brand(head) in AVIF_BRANDS and not features.check("avif"):
            raise PhotoError(f"{path} is an AVIF picture; run `pip install 'pillow>=11.3'` or save it as JPEG or PNG")
        return Image.open(file, formats=[name for name in PILLOW_FORMATS if name in Image.OPEN])
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        if head.startswith(JPEG_OR_PNG) or _brand(head) in AVIF_BRANDS:
            raise _damage_error(path) from error
        raise PhotoError(f"{path} is not a picture that can be read; save it as JPEG or PNG") from error
    except Exception as error:  # parsers of damaged headers raise anything
        raise _damage_error(path) from error


def unsupported_format(head: bytes, path: Path) -> str | None:
    """The kind of a file that is no picture for Pillow, by its first bytes or its suffix; None if it may be one."""
    if head.startswith(JPEG_OR_PNG):  # under any name
        return None
    by_suffix = next((kind for kind, all in UNSUPPORTED_SUFFIXES.items() if path.suffix.lower() in all.split()), None)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    by_head = next((kind for magic, kind in UNSUPPORTED_HEADS.items() if start.startswith(magic)), None)
    return by_suffix or by_head


def _brand(head: bytes) -> bytes:
    """The brand of an ISO media file (ISO/IEC 14496-12); AVIF may be one of the compatible brands behind `mif1`."""
    if head[4:8] != b"ftyp":
        return b""
    return next((brand for brand in AVIF_BRANDS if brand in head[8:]), head[8:12])


def _open_heic(file: IO[bytes], path: Path) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise PhotoError(
            f"{path} is a HEIC picture; run `pip install pillow-heif` or save it as JPEG or PNG"
        ) from error
    return HeifImageFile(file)


def _check_size(picture: Image.Image, path: Path) -> None:
    width, height = picture.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        megapixels = width * height / 1e6
        raise PhotoError(f"{path} has {megapixels:.0f} megapixels; make it smaller than {MAX_MEGAPIXELS} megapixels")
    if min(width, height) < MIN_SIDE_PX:
        remedy = f"pass a picture of {MIN_SIDE_PX} px or more on each side"
        raise PhotoError(f"{path} is only {width} x {height} px; {remedy}")


def _decode(picture: Image.Image, path: Path) -> None:
    """Decode the pixels of the only frame. Raises PhotoError for a damaged file and for more than one frame."""
    try:
        frames = getattr(picture, "n_frames", 1)
        picture.load()
    except Exception as error:  # decoders raise whatever their parsers stumble on
        raise _damage_error(path) from error
    if frames > 1 and picture.format not in MULTI_IMAGE_FORMATS:
        kind = "pages" if picture.format == "TIFF" else "frames"
        raise PhotoError(f"{path} has {frames} {kind}; save one of them as JPEG or PNG")


def _damage_error(path: Path) -> PhotoError:
    return PhotoError(f"{path} is damaged or cut off; copy or download it again")


def _turn_upright(picture: Image.Image) -> Image.Image:
    """A copy turned by the EXIF orientation; damaged EXIF counts as upright. TIFF was turned while it was decoded."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # parsers of damaged EXIF raise anything
        return picture


def _is_our_output(picture: Image.Image) -> bool:
    """Whether the picture carries a record of styleclip; photos with a face pasted in count as photos."""
    try:
        record = json.loads(picture.info[RECORD_KEY])
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and not record.get("pasted")
