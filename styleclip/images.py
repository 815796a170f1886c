"""Pictures: tensors [N, C, H, W] in [-1, 1] to pixels and back, PNGs that carry a record, videos.

C is 1 for grey, 2 for grey and alpha, 3 for RGB, 4 for RGB and alpha.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from styleclip.errors import NumericError, UsageError
from styleclip.storage.files import atomic_path, to_json

RECORD_KEY = "styleclip"  # the PNG text chunk
MAX_TEXT_BYTES = 2**24  # of a text or a colour profile of a PNG, decoded; Pillow's own limit is 2**20
MAX_RECORD_CHARS = 2**22  # of a record that is parsed
PNG_LEVEL = 4  # of compression: half the time of the usual 6, for 3 % more bytes
_pillow_lock = threading.Lock()
WHITE = 1.0  # behind transparent pixels
CELL = 256  # smallest side of a picture on a sheet or in a video, px


def to_rgb(images: Tensor) -> Tensor:
    """[N, C, H, W] in [-1, 1] -> [N, 3, H, W]: grey three times, alpha composited over white.

    Alpha is `(a + 1) / 2`, clamped to 0..1.
    """
    channels = images.shape[1]
    if channels == 3:
        return images
    if channels in (2, 4):
        alpha = ((images[:, -1:] + 1) / 2).clamp(0, 1)
        images = images[:, :-1] * alpha + WHITE * (1 - alpha)
    return images.expand(-1, 3, -1, -1)


def to_uint8(images: Tensor) -> Tensor:
    """[N, C, H, W] in [-1, 1] -> pixels [N, H, W, C] uint8: `floor(127.5 x + 128)`, clamped to 0..255.

    Raises NumericError for NaN and infinity.
    """
    if not images.isfinite().all():
        raise NumericError("the picture holds NaN or infinite values; use a smaller --lr or --dtype float32")
    pixels = (images.detach().float() * 127.5 + 128).floor().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu()


def from_uint8(pixels: Tensor) -> Tensor:
    """[N, H, W, 3] uint8 -> [N, 3, H, W] in [-1, 1]: `(p - 127.5) / 127.5`, which `to_uint8` takes back exactly."""
    return (pixels.permute(0, 3, 1, 2).float() - 127.5) / 127.5


def to_pil(images: Tensor, keep_channels: bool = False) -> list[Image.Image]:
    """[N, C, H, W] in [-1, 1] -> N pictures in RGB (`to_rgb`), or of the mode L, LA, RGB or RGBA of their channels."""
    pixels = to_uint8(images if keep_channels else to_rgb(images)).numpy()
    return [Image.fromarray(each[..., 0] if each.shape[-1] == 1 else each) for each in pixels]


def from_pil(pictures: Sequence[Image.Image]) -> Tensor:
    """Pictures of one size -> [N, 3, H, W] in [-1, 1]."""
    arrays = [np.asarray(picture.convert("RGB")) for picture in pictures]
    return from_uint8(torch.from_numpy(np.stack(arrays)))


def enlarge_to(picture: Image.Image, side: int = CELL) -> Image.Image:
    """The picture times the least whole number that makes its shorter side `side` px; a large one as it is."""
    factor = -(-side // min(picture.size))
    if factor == 1:
        return picture
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)


def fit_to(picture: Image.Image, side: int) -> Image.Image:
    """The picture with a shorter side of `side` px, or a little more where that takes a whole factor."""
    if min(picture.size) <= side:
        return enlarge_to(picture, side)
    factor = side / min(picture.size)
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)


def png_bytes(picture: Image.Image, record: Mapping[str, Any] | None = None, icc_profile: bytes | None = None) -> bytes:
    """The picture as a PNG file, with `record` as JSON in its `styleclip` text chunk, and its colour profile."""
    info = PngImagePlugin.PngInfo()
    if record is not None:
        info.add_itxt(RECORD_KEY, to_json(record))
    buffer = io.BytesIO()
    profile = {"icc_profile": icc_profile} if icc_profile else {}
    picture.save(buffer, "PNG", pnginfo=info, compress_level=PNG_LEVEL, **profile)
    return buffer.getvalue()


def pixels_sha256(picture: Image.Image) -> str:
    """The hash of the mode, the size and the pixels of a picture, whatever file it is in."""
    head = f"{picture.mode} {picture.width} {picture.height}\n".encode()
    return hashlib.sha256(head + picture.tobytes()).hexdigest()


def read_record(png: Path | bytes) -> dict[str, Any]:
    """The record inside a PNG of ours, a file or its bytes; raises UsageError where there is none."""
    name, source = (str(png), png) if isinstance(png, Path) else ("the picture", io.BytesIO(png))
    try:
        with lift_pillow_limits(), Image.open(source, formats=["PNG"]) as picture:
            text = picture.info[RECORD_KEY]
        if len(text) > MAX_RECORD_CHARS:
            raise ValueError(f"the record has {len(text)} characters")
        record = json.loads(text)
        if not isinstance(record, dict):
            raise ValueError("the record is no object")
    except (OSError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(f"{name} carries no styleclip record; pass a PNG that styleclip saved") from error
    return record


@contextmanager
def lift_pillow_limits() -> Iterator[None]:
    """Suspend Pillow's warnings and its limits of 89 megapixels and of 1 MiB for texts, which photos exceed.

    `read_photo` has limits of its own.
    """
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limits = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, MAX_TEXT_BYTES
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = limits


def write_video(frames: Sequence[Image.Image], path: Path, fps: int = 20) -> Path:
    """Write frames of one size as MP4 (H.264), or as GIF where the name ends so. Raises OutputError and UsageError."""
    if path.suffix not in (".mp4", ".gif"):
        raise UsageError(f"{path} is not a video name; end it with .mp4 or .gif")
    pictures = [enlarge_to(frame) for frame in frames]
    with atomic_path(path) as temporary:
        if path.suffix == ".gif":
            pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=1000 // fps, loop=0)
        else:
            _write_mp4(pictures, temporary, fps)
    return path


def _write_mp4(pictures: Sequence[Image.Image], path: Path, fps: int) -> None:
    import imageio.v2 as imageio

    width, height = pictures[0].size
    pad = ((0, height % 2), (0, width % 2), (0, 0))  # H.264 stores colour for pairs of pixels: even sides only
    options = {"fps": fps, "codec": "libx264", "quality": 8, "macro_block_size": 2, "ffmpeg_log_level": "error"}
    writer: Any
    with imageio.get_writer(path, format="FFMPEG", mode="I", **options) as writer:
        for picture in pictures:
            writer.append_data(np.pad(np.asarray(picture), pad, mode="edge"))
