"""Tables of numbers, cells shaded by their value, and bars of intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from styleclip.evaluate.curves.bootstrap import Interval
from styleclip.evaluate.page.html import Html, element, join
from styleclip.evaluate.page.numbers import number
from styleclip.evaluate.page.scales import Scale

BAR_WIDTH, BAR_HEIGHT = 120, 18  # px of the bar of an interval


@dataclass(frozen=True)
class Row:
    """A row of a table: its label, its cells, and the class of its colour or of a bound."""

    label: str | Html
    cells: Sequence[str | Html]
    css_class: str = ""


def table(corner: str, headings: Sequence[tuple[str, str]], rows: Sequence[Row], css_class: str = "") -> Html:
    """A table that scrolls by itself on a narrow screen.

    Args:
        corner: heading of the first column.
        headings: of the other columns, and what they mean.
        rows: one for each row; each cell is text, or HTML such as `shaded`.
    """
    head = element(
        "tr",
        element("th", corner, scope="col"),
        *(element("th", name, scope="col", title=meaning or None) for name, meaning in headings),
    )
    body = [
        element(
            "tr",
            element("th", row.label, scope="row"),
            *(cell if isinstance(cell, Html) and cell.startswith("<td") else element("td", cell) for cell in row.cells),
            class_=row.css_class or None,
        )
        for row in rows
    ]
    inner = element("table", element("thead", head), element("tbody", *body), class_=css_class or None)
    return element("div", inner, class_="scroll", tabindex="0")


def shaded(value: float, text: str | None = None, whole: float = 1.0, css_class: str = "good") -> Html:
    """A cell whose shade rises with the value, from 0 to `whole`."""
    if not math.isfinite(value):
        return element("td", number(value), class_="shaded")
    share = min(max(value / whole, 0.0), 1.0)
    return element("td", text or number(value), class_=f"shaded {css_class}", style=f"--share:{share:.3f}")


def interval_bar(interval: Interval, low: float = 0.0, high: float = 1.0) -> Html:
    """A cell with a dot at the mean and a line from limit to limit, over an axis from `low` to `high`."""
    scale = Scale(low, high, 5, BAR_WIDTH - 5)
    middle = BAR_HEIGHT / 2
    parts = [element("line", x1=5, x2=BAR_WIDTH - 5, y1=middle, y2=middle, class_="axis")]
    if math.isfinite(interval.low):
        limits = {"x1": scale(interval.low), "x2": scale(interval.high)}
        parts.append(element("line", y1=middle, y2=middle, class_="whisker", **limits))
    if math.isfinite(interval.mean):
        parts.append(element("circle", cx=scale(interval.mean), cy=middle, r=4, class_="dot"))
    box = f"0 0 {BAR_WIDTH} {BAR_HEIGHT}"
    size: dict[str, str | float] = {"width": BAR_WIDTH, "height": BAR_HEIGHT}
    return element("td", element("svg", *parts, class_="bar", aria_hidden="true", viewBox=box, **size), class_="bar")


def swatch(label: str, css_class: str) -> Html:
    """A label behind a square of its colour."""
    return join(element("span", class_=f"swatch {css_class}"), label)
