"""Pictures: tensors [N, 3, H, W] in [-1, 1] to pixels and back, labelled sheets, PNGs that carry a record, videos."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

from styleclip.errors import NumericError, UsageError
from styleclip.records import replacing, to_json

RECORD_KEY = "styleclip"  # the PNG text chunk
CELL = 256  # smallest side of a picture on a sheet or in a video, px
GAP, LABEL_HEIGHT, LABEL_WIDTH = 8, 44, 128
FONT_SIZES = range(20, 10, -1)  # tried from the largest
PAPER, INK = "white", "#222222"


def to_uint8(images: Tensor) -> Tensor:
    """[N, 3, H, W] in [-1, 1] -> pixels [N, H, W, 3] uint8: `floor(127.5 x + 128)`, clamped to 0..255.

    Raises NumericError for NaN and infinity.
    """
    if not images.isfinite().all():
        raise NumericError("the picture holds NaN or infinite values; use a smaller --lr or --dtype float32")
    pixels = (images.detach().float() * 127.5 + 128).floor().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu()


def from_uint8(pixels: Tensor) -> Tensor:
    """[N, H, W, 3] uint8 -> [N, 3, H, W] in [-1, 1]: `(p - 127.5) / 127.5`, which `to_uint8` takes back exactly."""
    return (pixels.permute(0, 3, 1, 2).float() - 127.5) / 127.5


def to_pil(images: Tensor) -> list[Image.Image]:
    """[N, 3, H, W] in [-1, 1] -> N pictures."""
    return [Image.fromarray(pixels.numpy()) for pixels in to_uint8(images)]


def from_pil(pictures: Sequence[Image.Image]) -> Tensor:
    """Pictures of one size -> [N, 3, H, W] in [-1, 1]."""
    arrays = [np.asarray(picture.convert("RGB")) for picture in pictures]
    return from_uint8(torch.from_numpy(np.stack(arrays)))


def comparison(before: Tensor, after: Tensor, label: str, row_labels: Sequence[str] = ()) -> Image.Image:
    """Two columns, `before` and `label`, with one row per image."""
    return labelled_sheet(list(zip(to_pil(before), to_pil(after), strict=True)), ["before", label], row_labels)


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 8) -> Image.Image:
    """All pictures in reading order, each below its caption."""
    starts = range(0, len(pictures), columns)
    return stacked([labelled_sheet([pictures[i : i + columns]], captions[i : i + columns]) for i in starts])


def stacked(sheets: Sequence[Image.Image]) -> Image.Image:
    """Sheets below one another."""
    whole = Image.new("RGB", (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)), PAPER)
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole


def labelled_sheet(
    rows: Sequence[Sequence[Image.Image]],
    column_labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    cell: int = CELL,
) -> Image.Image:
    """A table of equally large pictures with labels above the columns and left of the rows.

    Pictures whose shorter side is less than `cell` px are enlarged by a whole number.
    """
    cells = [[enlarged(picture, cell) for picture in row] for row in rows]
    width, height = cells[0][0].size
    left = GAP + (LABEL_WIDTH + GAP if row_labels else 0)
    top = GAP + (LABEL_HEIGHT if column_labels else 0)
    size = (left + max(map(len, cells)) * (width + GAP), top + len(cells) * (height + GAP))
    sheet = Image.new("RGB", size, PAPER)
    for r, row in enumerate(cells):
        for c, picture in enumerate(row):
            sheet.paste(picture, (left + c * (width + GAP), top + r * (height + GAP)))
    draw = ImageDraw.Draw(sheet)
    for c, label in enumerate(column_labels):
        _write(draw, label, (left + c * (width + GAP), 0, width, top))
    for r, label in enumerate(row_labels):
        _write(draw, label, (GAP, top + r * (height + GAP), LABEL_WIDTH, height))
    return sheet


def enlarged(picture: Image.Image, side: int = CELL) -> Image.Image:
    """The picture times the least whole number that makes its shorter side `side` px; a large one as it is."""
    factor = -(-side // min(picture.size))
    if factor == 1:
        return picture
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)


def fitted(picture: Image.Image, side: int) -> Image.Image:
    """The picture with a shorter side of `side` px, or a little more where that takes a whole factor."""
    if min(picture.size) <= side:
        return enlarged(picture, side)
    factor = side / min(picture.size)
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)


def png_bytes(picture: Image.Image, record: Mapping[str, Any] | None = None, icc_profile: bytes | None = None) -> bytes:
    """The picture as a PNG file, with `record` as JSON in its `styleclip` text chunk, and its colour profile."""
    info = PngImagePlugin.PngInfo()
    if record is not None:
        info.add_itxt(RECORD_KEY, to_json(record))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info, **({"icc_profile": icc_profile} if icc_profile else {}))
    return buffer.getvalue()


def read_record(path: Path) -> dict[str, Any]:
    """The record inside a PNG of ours; raises UsageError where there is none."""
    try:
        with Image.open(path) as picture:
            text = picture.info[RECORD_KEY]
        return dict(json.loads(text))
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"{path} carries no styleclip record; pass a PNG that styleclip saved") from error


def write_video(frames: Sequence[Image.Image], path: Path, fps: int = 20) -> Path:
    """Write frames of one size as MP4 (H.264), or as GIF where the name ends so. Raises OutputError and UsageError."""
    if path.suffix not in (".mp4", ".gif"):
        raise UsageError(f"{path} is not a video name; end it with .mp4 or .gif")
    pictures = [enlarged(frame) for frame in frames]
    with replacing(path) as temporary:
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


def _write(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int]) -> None:
    """Draw text centred in (left, top, width, height), in the largest size that fits; cut off where none does."""
    left, top, width, height = box
    for size in FONT_SIZES:
        font = ImageFont.load_default(size)
        lines = _wrapped(text, font, width)
        if _fits(draw, lines, font, width, height):
            break
    while not _fits(draw, lines, font, width, height):
        lines = _shorter(lines)
    centre = (left + width / 2, top + height / 2)
    draw.multiline_text(centre, "\n".join(lines), INK, font, anchor="mm", align="center")


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    return [line for part in text.splitlines() for line in _wrapped_line(part, font, width)]


def _wrapped_line(text: str, font: Any, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        pieces = [word] if font.getlength(word) <= width else list(word)  # one long word breaks anywhere
        for i, piece in enumerate(pieces):
            joined = f"{lines[-1]}{'' if i else ' '}{piece}" if lines else piece
            if lines and font.getlength(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(piece)
    return lines


def _fits(draw: ImageDraw.ImageDraw, lines: Sequence[str], font: Any, width: int, height: int) -> bool:
    left, top, right, bottom = draw.multiline_textbbox((0, 0), "\n".join(lines), font)
    return right - left <= width and bottom - top <= height


def _shorter(lines: list[str]) -> list[str]:
    """Without the last line, and with dots in place of the end of the one before."""
    return [*lines[:-2], f"{lines[-2][:-4]}..."]
