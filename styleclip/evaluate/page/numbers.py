"""Numbers as a page shows them: one number of decimals in a column, a true minus, a dash for what is not known."""

from __future__ import annotations

import math

from styleclip.evaluate.curves.bootstrap import Interval
from styleclip.evaluate.page.html import Html, element

MINUS, DASH = "\u2212", "\u2013"


def number(value: float, form: str = ".2f") -> str:
    """The number; a dash in place of NaN."""
    if not math.isfinite(value):
        return DASH
    text = format(value, form)
    return text.removeprefix("-") if not float(text.rstrip("%")) else text.replace("-", MINUS)


def strength_text(value: float) -> str:
    """A strength without needless decimals."""
    return number(value, "g")


def duration(seconds: float) -> str:
    """Seconds with two digits, without an exponent."""
    return "< 0.001" if seconds < 0.001 else number(seconds, ".2g") if seconds < 100 else number(seconds, ".0f")


def with_interval(interval: Interval, form: str = ".2f") -> Html:
    """The mean, and below it the limits in small type where they are known."""
    limits = None
    if math.isfinite(interval.low):
        limits = element("small", f"{number(interval.low, form)} {DASH} {number(interval.high, form)}")
    return Html(element("span", number(interval.mean, form), class_="mean") + (limits or ""))


def plural(count: int, singular: str, several: str | None = None) -> str:
    """The count and the word, as in 1 prompt and 3 prompts."""
    return f"{count} {singular if count == 1 else several or singular + 's'}"
