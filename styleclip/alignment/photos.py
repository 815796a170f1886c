"""Photos of any source, format, mode, orientation and size -> upright RGB pictures, or a PhotoError of one sentence.

A photo is a file, an open file or its bytes, a picture of Pillow or an array of pixels. The formats are recognised by
the first bytes, because phones and messengers rename files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from styleclip.alignment.color_modes import rgb_profile, split_alpha
from styleclip.alignment.photo_kinds import HEAD_BYTES
from styleclip.alignment.photo_openers import check_head, damage_error, open_image, png_without_texts
from styleclip.alignment.photo_size import check_size
from styleclip.errors import PhotoError
from styleclip.images import RECORD_KEY, lift_pillow_limits

MULTI_IMAGE_FORMATS = ("MPO", "HEIF", "PSD")  # previews, depth maps and layers follow the photo, which is opened first
MAX_STREAM_BYTES = 2**31  # of a file object
ARRAY_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # by number of channels
CHUNK_BYTES = 1 << 20
UNNAMED = "the picture"


@dataclass(frozen=True)
class Photo:
    """An upright RGB picture with 8 bits per channel.

    Args:
        image: the picture.
        alpha: its alpha channel, "L", of the same size; None where it has none.
        icc_profile: of RGB files, to be written back.
        path: its file; None where it has none.
        aligned: true for pictures that styleclip rendered, in which the face is framed already.
        format: Pillow's name of the format of its file, such as "JPEG"; None for pixels.
        sha256: the hash of its file; None for pixels.
    """

    image: Image.Image
    alpha: Image.Image | None = None
    icc_profile: bytes | None = None
    path: Path | None = None
    aligned: bool = False
    format: str | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The path, for messages; "the picture" where there is none."""
        return str(self.path or UNNAMED)


# A photo, a picture of Pillow, pixels [H, W], [H, W, 3] or [H, W, 4] uint8, a file, an open file, or its bytes.
PhotoLike = Photo | Image.Image | NDArray[Any] | str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]


def read_photo(photo: PhotoLike) -> Photo:
    """Read a picture of any source, format and mode that can be decoded; the EXIF orientation is applied.

    16-bit grey is divided by 257, CMYK is converted by its embedded ICC profile where it has one. A Photo is returned
    as it is. Raises PhotoError unless it is one picture of at least 32 px a side and at most 200 megapixels.

    Example:
        read_photo("me.heic"); read_photo(request.files["photo"].read()); read_photo(np.zeros((512, 512, 3), np.uint8))
    """
    if isinstance(photo, Photo):
        return photo
    with lift_pillow_limits():
        if isinstance(photo, Image.Image):
            return _photo_of(photo, UNNAMED)
        if isinstance(photo, (str, os.PathLike)):
            path = _path_of(photo)
            with _open_file(path) as file:
                return _photo_in(file, str(path), path)
        if isinstance(photo, (bytes, bytearray, memoryview)):
            return _photo_in(io.BytesIO(photo), UNNAMED)
        if hasattr(photo, "read"):
            return _photo_in(io.BytesIO(_read_stream(photo)), _stream_name(photo))
        if hasattr(photo, "__array__"):
            return _photo_of(_picture_of_array(photo), UNNAMED)
    raise PhotoError(f"a {type(photo).__name__} is no photo; pass a file, its bytes, a picture of Pillow or an array")


def check_kind(path: Path) -> None:
    """Raise PhotoError for a file of a kind that does not open here, by its first bytes."""
    with _open_file(path) as file:
        check_head(file.read(HEAD_BYTES), str(path))


def _photo_in(file: IO[bytes], name: str, path: Path | None = None) -> Photo:
    """The photo in a file; that in a PNG whose texts cannot be decoded is read without them."""
    try:
        photo = _photo_of(open_image(file, name), name, path)
    except PhotoError:
        bare = png_without_texts(file)
        if bare is None:
            raise
        photo = _photo_of(open_image(bare, name), name, path)
    return replace(photo, sha256=_sha256(file))


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
        digest.update(chunk)
    return digest.hexdigest()


def _photo_of(picture: Image.Image, name: str, path: Path | None = None) -> Photo:
    """The photo of a picture that Pillow has opened."""
    check_size(picture.size, name)
    _decode(picture, name)
    upright = _turn_upright(picture)
    profile, aligned = rgb_profile(upright), _is_our_output(picture)
    colours, alpha = split_alpha(upright, name)
    if colours is picture:
        colours = picture.copy()
    colours.info = {}  # comments and places, which Pillow would write into the edited photo
    return Photo(colours, alpha, profile, path, aligned, picture.format)


def _path_of(photo: str | os.PathLike[str]) -> Path:
    """The path of a file. Raises PhotoError for a URL, and for what no file can be called."""
    name = os.fsdecode(photo)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,3}\w", name) and not os.path.exists(name):
        raise PhotoError("the name of the photo is a URL; download the picture and pass its file")
    if "\0" in name:
        raise PhotoError("the name of the photo holds a null character; to pass the content of a file, pass bytes")
    return Path(name)


def _read_stream(stream: Any) -> bytes:
    """All bytes of an open file, from its start where it can go there."""
    try:
        if stream.seekable():
            stream.seek(0)
    except AttributeError:  # an object that can only be read
        pass
    except ValueError as error:
        raise PhotoError("the open file was closed; open it again") from error
    content = stream.read(MAX_STREAM_BYTES + 1)
    if not isinstance(content, bytes):
        raise PhotoError(f"the open file gives {type(content).__name__} and no bytes; open it with mode 'rb'")
    if len(content) > MAX_STREAM_BYTES:
        raise PhotoError(f"the open file has more than {MAX_STREAM_BYTES >> 30} GiB; pass a smaller picture")
    return content


def _stream_name(stream: Any) -> str:
    """The name of an open file or an upload, whose suffix tells camera raw files."""
    names = (getattr(stream, attribute, None) for attribute in ("name", "filename"))
    return next((name for name in names if isinstance(name, str) and name), UNNAMED)


def _picture_of_array(array: Any) -> Image.Image:
    """The picture of pixels [H, W] or [H, W, 1 to 4] uint8: grey, grey and alpha, RGB, or RGBA."""
    array = array.detach().cpu() if hasattr(array, "detach") else array  # a tensor
    pixels = np.asarray(array)
    shape = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    if pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] not in ARRAY_MODES or 0 in shape:
        told = f"an array {list(pixels.shape)} of {pixels.dtype} is no photo"
        raise PhotoError(f"{told}; pass [H, W, 3] uint8{_array_remedy(pixels)}")
    return Image.frombytes(ARRAY_MODES[shape[2]], (shape[1], shape[0]), np.ascontiguousarray(pixels).tobytes())


def _array_remedy(pixels: NDArray[Any]) -> str:
    """How to make a photo of an array that is none, as an expression, where it has the shape of pictures."""
    if pixels.ndim == 4:
        return ", one picture at a time, e.g. array[0]"
    if pixels.ndim == 3 and pixels.shape[0] in ARRAY_MODES and pixels.shape[2] not in ARRAY_MODES:
        return ", e.g. array.transpose(1, 2, 0), or permute of a tensor"
    if pixels.dtype.kind == "f":
        return ", e.g. (255 * array).round().astype('uint8') of values in [0, 1]"
    if pixels.dtype.kind == "b":
        return ", e.g. 255 * array.astype('uint8')"
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        return ", e.g. (array / 257).round().astype('uint8') of values up to 65535"
    return ", e.g. array.astype('uint8') of values from 0 to 255" if pixels.dtype.kind in "iu" else ""


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


def _decode(picture: Image.Image, name: str) -> None:
    """Decode the pixels of the only frame. Raises PhotoError for damage, a closed picture and several frames."""
    try:
        frames = getattr(picture, "n_frames", 1)
        picture.load()
    except Exception as error:  # decoders raise whatever their parsers stumble on
        if isinstance(error, ValueError) and "closed" in str(error):
            raise PhotoError(f"{name} was closed; open it again, and leave it open") from error
        raise damage_error(name) from error
    if frames > 1 and picture.format not in MULTI_IMAGE_FORMATS:
        kind = "pages" if picture.format == "TIFF" else "frames"
        raise PhotoError(f"{name} has {frames} {kind}; save one of them as JPEG or PNG")


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
