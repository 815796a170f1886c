"""Pictures within the page, and sheets of one image by editors and strengths."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from styleclip.evaluate.page.html import Html, element, join

MAX_SIDE = 256  # px of a picture in the page
QUALITY = 90  # of JPEG


@dataclass(frozen=True)
class Cell:
    """A picture with a line below it; `mark` is a class of page.css for its frame."""

    picture: Image.Image
    caption: str | Html = ""
    mark: str = ""


@dataclass(frozen=True)
class SheetRow:
    """The pictures of an editor, and its label."""

    label: str | Html
    cells: Sequence[Cell]


def sheet(headings: Sequence[str], rows: Sequence[SheetRow]) -> Html:
    """Pictures in a table with headings above the columns; the first column names the rows."""
    head = element("tr", element("th", scope="col"), *(element("th", each, scope="col") for each in headings))
    body = [element("tr", element("th", row.label, scope="row"), *(_cell(cell) for cell in row.cells)) for row in rows]
    inner = element("table", element("thead", head), element("tbody", *body), class_="sheet")
    return element("div", inner, class_="scroll", tabindex="0")


def image(picture: Image.Image, alternative: str = "") -> Html:
    """The picture as part of the page: JPEG, or PNG where it has transparent pixels."""
    small = picture.copy()
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    transparent = "A" in small.getbands()
    data = io.BytesIO()
    if transparent:
        small.save(data, "PNG", optimize=True)
    else:
        small.convert("RGB").save(data, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    kind = "png" if transparent else "jpeg"
    source = f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"
    width, height = small.size
    return element("img", src=source, alt=alternative, width=width, height=height)


def _cell(cell: Cell) -> Html:
    caption = element("span", cell.caption, class_="caption") if cell.caption else None
    return element("td", join(image(cell.picture), caption), class_=cell.mark or None)
