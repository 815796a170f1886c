"""Sheets: pictures in a grid with labels above the columns and left of the rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import Image, ImageDraw
from torch import Tensor

from styleclip.images import CELL, enlarge_to, fit_to, to_pil
from styleclip.label_fonts import drawable_label
from styleclip.text.printable import JOINERS

GAP, LABEL_HEIGHT, LABEL_WIDTH = 8, 44, 128  # px
FONT_SIZES = range(20, 10, -1)  # px, tried from the largest
FACES_PER_ROW = 8
LARGE_CELL, SMALL_CELL, MAX_LARGE_COLUMNS = 256, 128, 4  # px; cells are large up to so many columns
PAPER, INK = "white", "#222222"

Item = TypeVar("Item")


def comparison(before: Tensor, after: Tensor, label: str, row_labels: Sequence[str] = ()) -> Image.Image:
    """Two columns, `before` and `label`, with one row per image."""
    return labelled_sheet(list(zip(to_pil(before), to_pil(after), strict=True)), ["before", label], row_labels)


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 8) -> Image.Image:
    """All pictures in reading order, each below its caption."""
    starts = range(0, len(pictures), columns)
    return stack_sheets([labelled_sheet([pictures[i : i + columns]], captions[i : i + columns]) for i in starts])


def stack_sheets(sheets: Sequence[Image.Image]) -> Image.Image:
    """Sheets below one another."""
    whole = Image.new("RGB", (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)), PAPER)
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole


def join_sheets(sheets: Sequence[Image.Image]) -> Image.Image:
    """Sheets side by side."""
    whole = Image.new("RGB", (sum(sheet.width for sheet in sheets), max(sheet.height for sheet in sheets)), PAPER)
    left = 0
    for sheet in sheets:
        whole.paste(sheet, (left, 0))
        left += sheet.width
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
    cells = [[enlarge_to(picture, cell) for picture in row] for row in rows]
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
        draw_text(draw, label, (left + c * (width + GAP), 0, width, top))
    for r, label in enumerate(row_labels):
        draw_text(draw, label, (GAP, top + r * (height + GAP), LABEL_WIDTH, height))
    return sheet


@dataclass(frozen=True)
class View:
    """Pictures of all faces at one strength and one threshold, with the labels of both."""

    alpha: str
    beta: str
    pictures: Sequence[Image.Image]


def faces_sheet(before: Sequence[Image.Image], views: Sequence[View], faces: Sequence[str]) -> Image.Image:
    """Several faces across and the views down; of a single face the strengths across and the thresholds down."""
    return _one_face(before[0], views) if len(faces) == 1 else _several_faces(before, views, faces)


def thumbnails(images: Tensor) -> list[Image.Image]:
    """[N, C, H, W] -> N pictures in RGB, no larger than a sheet shows them: the shorter side has LARGE_CELL px."""
    pictures = to_pil(images)
    for picture in pictures:
        width, height = (round(LARGE_CELL * side / min(picture.size)) for side in picture.size)
        picture.thumbnail((width, height))
    return pictures


def rows_of_faces(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Rows of at most FACES_PER_ROW items."""
    return [items[start : start + FACES_PER_ROW] for start in range(0, len(items), FACES_PER_ROW)]


def _one_face(before: Image.Image, views: Sequence[View]) -> Image.Image:
    alphas, betas = (list(dict.fromkeys(labels)) for labels in ([v.alpha for v in views], [v.beta for v in views]))
    cells = {(view.beta, view.alpha): view.pictures[0] for view in views}
    rows = [[before, *(cells[beta, alpha] for alpha in alphas)] for beta in betas]
    return _table(rows, ["before", *alphas], betas)


def _several_faces(before: Sequence[Image.Image], views: Sequence[View], faces: Sequence[str]) -> Image.Image:
    labels = ["before", *(f"{view.alpha}\n{view.beta}" for view in views)]
    blocks = zip(
        rows_of_faces(faces), *(rows_of_faces(row) for row in (before, *(view.pictures for view in views))), strict=True
    )
    return stack_sheets([_table(rows, names, labels) for names, *rows in blocks])


def _table(rows: Sequence[Sequence[Image.Image]], columns: Sequence[str], labels: Sequence[str]) -> Image.Image:
    cell = LARGE_CELL if len(columns) <= MAX_LARGE_COLUMNS else SMALL_CELL
    cells = [[fit_to(picture, cell) for picture in row] for row in rows]
    return labelled_sheet(cells, columns, labels if any(labels) else (), cell)


def draw_text(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int]) -> None:
    """Draw text centred in (left, top, width, height), in the largest size that fits; cut off where none does."""
    left, top, width, height = box
    label = drawable_label(text)
    for size in FONT_SIZES:
        font = label.font(size)
        lines = _wrap(label.text, font, width)
        if _fits(draw, lines, font, width, height):
            break
    while not _fits(draw, lines, font, width, height):
        lines = _shorten(lines)
    shown, x = "\n".join(lines), left + width / 2
    _, first, _, last = draw.multiline_textbbox((x, top + height / 2), shown, font, anchor="mm", align="center")
    shift = max(0, top - first) - max(0, last - top - height)  # fonts differ in the room above their letters
    draw.multiline_text((x, top + height / 2 + shift), shown, INK, font, anchor="mm", align="center")


def _wrap(text: str, font: Any, width: int) -> list[str]:
    return [line for part in text.splitlines() for line in _wrap_line(part, font, width)]


def _wrap_line(text: str, font: Any, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        pieces = [word] if font.getlength(word) <= width else _clusters(word)  # one long word breaks anywhere
        for i, piece in enumerate(pieces):
            joined = f"{lines[-1]}{'' if i else ' '}{piece}" if lines else piece
            if lines and font.getlength(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(piece)
    return lines


def _clusters(word: str) -> list[str]:
    """The characters, each with the accents and joiners behind it."""
    clusters: list[str] = []
    for character in word:
        if clusters and (unicodedata.category(character)[0] == "M" or character in JOINERS):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _fits(draw: ImageDraw.ImageDraw, lines: Sequence[str], font: Any, width: int, height: int) -> bool:
    left, top, right, bottom = draw.multiline_textbbox((0, 0), "\n".join(lines), font)
    return right - left <= width and bottom - top <= height


def _shorten(lines: list[str]) -> list[str]:
    """Without the last line, and with dots in place of the end of the one before; a single line loses a character."""
    if len(lines) > 1:
        return [*lines[:-2], f"{lines[-2][:-4]}..."]
    rest = lines[0].removesuffix("...")[:-1]
    return [f"{rest}..." if rest else ""]
