"""Photos as people have them: any format, mode, orientation and size -> an upright RGB picture, or one sentence."""

from __future__ import annotations

import glob
import json
import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from styleclip.alignment.color_modes import rgb_profile, split_alpha
from styleclip.alignment.unreadable import SIGNATURES, unsupported_format
from styleclip.errors import PhotoError, UsageError
from styleclip.images import RECORD_KEY

PILLOW_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM", "QOI")
PHOTO_SUFFIXES = [
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".png",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".gif",
    ".jp2",
    ".avif",
]
MULTI_IMAGE_FORMATS = ("MPO",)  # phones keep a preview or a depth map behind the photo, which is the first frame
MAX_MEGAPIXELS = 200
MIN_SIDE_PX = 32  # px; a face needs about that much to be one
ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what undoes each orientation (EXIF 2.32, 4.6.4)
_pillow_lock = threading.Lock()


@dataclass(frozen=True)
class Photo:
    """A picture as it is seen: RGB with 8 bits, upright.

    `aligned` says that styleclip drew the picture, so that a face in it is framed already.
    """

    image: Image.Image
    alpha: Image.Image | None = None  # "L", of the same size
    icc_profile: bytes | None = None  # of RGB files, to be written back
    path: Path | None = None
    aligned: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path or "the picture")


def read_photo(path: Path) -> Photo:
    """Read a picture of any mode and format that Pillow decodes; the EXIF orientation is applied.

    16-bit grey is divided by 257, CMYK goes through its embedded ICC profile where it has one. Raises PhotoError for
    what is not one picture of at least 32 px a side and at most 200 megapixels.
    """
    path = Path(path)
    with _quiet_pillow(), _open_file(path) as file:
        return photo_from_image(_open_image(file, path), path)


def photo_from_image(picture: Image.Image, path: Path | None = None) -> Photo:
    """A picture that Pillow has opened, upright, as `read_photo` gives it; raises PhotoError for the same reasons."""
    name = path or Path("the picture")
    _check_size(picture, name)
    _decode(picture, name)
    colours, alpha = split_alpha(picture, str(name))
    turn = UPRIGHT.get(_orientation(picture))
    if turn is not None:
        colours, alpha = colours.transpose(turn), alpha.transpose(turn) if alpha else None
    return Photo(colours, alpha, rgb_profile(picture), path, _is_our_output(picture))


def find_photos(names: Sequence[str]) -> list[Path]:
    """The pictures that `names` mean: files, folders (their pictures, sorted) and patterns such as `holiday/*.jpg`.

    Each path once, in the order of the names. Raises UsageError for a name that means no picture.
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _matching_photos(name):
            found.setdefault(os.path.abspath(path), path)
    return list(found.values())


def _matching_photos(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        pictures, where = _photo_files(_list_folder(path)), f"in the folder {name}"
    elif path.exists() or not glob.has_magic(name):
        pictures, where = [path] if path.exists() else [], f"called {name}"
    else:
        pictures, where = _photo_files(map(Path, glob.iglob(name, recursive=True))), f"that matches {name}"
    if not pictures:
        raise UsageError(f"there is no picture {where}; pass a picture, a folder of pictures or a pattern like '*.jpg'")
    return pictures


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot list {folder}: {error.strerror}; choose a folder that you may read") from error


def _photo_files(paths: Iterable[Path]) -> list[Path]:
    return sorted(p for p in paths if p.suffix.lower() in PHOTO_SUFFIXES and not p.name.startswith(".") and p.is_file())


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings and without its limit of pixels, which is below what cameras make; ours holds."""
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
    """The picture by its header. Raises PhotoError that names what the file is instead where that can be told."""
    head = file.read(64)
    if not head:
        raise PhotoError(f"{path} is empty; copy or download it again")
    other = unsupported_format(head, path)
    if other:
        raise PhotoError(f"{path} is {other}; save it as JPEG or PNG")
    file.seek(0)
    Image.init()
    try:
        return Image.open(file, formats=[name for name in PILLOW_FORMATS if name in Image.OPEN])
    except UnidentifiedImageError as error:
        if head.startswith(SIGNATURES):
            raise _damage_error(path) from error
        raise PhotoError(f"{path} is not a picture that can be read; save it as JPEG or PNG") from error
    except Exception as error:  # parsers of damaged headers raise anything
        raise _damage_error(path) from error


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


def _orientation(picture: Image.Image) -> int:
    """1 to 8; 1 is upright, and what damaged EXIF counts as. Asked after decoding, when Pillow has turned TIFFs."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def _is_our_output(picture: Image.Image) -> bool:
    """Whether the file carries a record of ours; a photo with an edited face pasted into it is a photo still."""
    try:
        record = json.loads(picture.info[RECORD_KEY])
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and not record.get("pasted")
