"""The bar picture: every picture beside the probabilities of its likeliest texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from styleclip.sheets import GAP, INK, PAPER, draw_text

MAX_ROWS = 24  # pictures of a sheet
MAX_BARS = 5  # texts of a picture
CELL, NAME_HEIGHT, TEXT_WIDTH, BAR_WIDTH, VALUE_WIDTH = 160, 24, 260, 400, 60  # px
BAR_HEIGHT = 32  # px, with the gap below it
LIKELIEST, OTHERS, TRACK = "#1f77b4", "#999999", "#eeeeee"


class Bars(NamedTuple):
    """A picture, its name, and its likeliest texts with their probabilities, the largest first."""

    picture: Image.Image
    name: str
    texts: Sequence[tuple[str, float]]


def bar_sheet(rows: Sequence[Bars], title: str = "") -> Image.Image:
    """A row for each picture: it and its name at the left, then the texts, each with a bar from 0 to 1."""
    height, above = CELL + NAME_HEIGHT + GAP, GAP + (BAR_HEIGHT if title else 0)
    width = CELL + TEXT_WIDTH + BAR_WIDTH + VALUE_WIDTH + 5 * GAP
    sheet = Image.new("RGB", (width, above + height * len(rows)), PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        draw_text(draw, title, (CELL + TEXT_WIDTH, 0, BAR_WIDTH, above))
    for i, row in enumerate(rows):
        top = above + i * height
        _paste_centred(sheet, row.picture, (GAP, top))
        draw_text(draw, row.name, (GAP, top + CELL, CELL, NAME_HEIGHT))
        first = top + (CELL - BAR_HEIGHT * len(row.texts)) // 2
        for k, (text, value) in enumerate(row.texts):
            _draw_bar(draw, text, value, first + k * BAR_HEIGHT, LIKELIEST if k == 0 else OTHERS)
    return sheet


def _paste_centred(sheet: Image.Image, picture: Image.Image, corner: tuple[int, int]) -> None:
    """The picture enlarged or reduced to fit a square of CELL px."""
    factor = CELL / max(picture.size)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    fitted = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    sheet.paste(fitted, (corner[0] + (CELL - size[0]) // 2, corner[1] + (CELL - size[1]) // 2))


def _draw_bar(draw: ImageDraw.ImageDraw, text: str, value: float, top: int, colour: str) -> None:
    left, height = CELL + 2 * GAP, BAR_HEIGHT - GAP
    draw_text(draw, text, (left, top, TEXT_WIDTH, height))
    left += TEXT_WIDTH + GAP
    draw.rectangle((left, top, left + BAR_WIDTH, top + height), fill=TRACK)
    draw.rectangle((left, top, left + round(BAR_WIDTH * value), top + height), fill=colour)
    draw.line((left, top, left, top + height), fill=INK)
    draw_text(draw, f"{value:.3f}", (left + BAR_WIDTH + GAP, top, VALUE_WIDTH, height))
