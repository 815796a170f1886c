"""Checks of JSON values that a client sent; every function raises UsageError with a sentence that names the value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from styleclip.errors import UsageError
from styleclip.prompts import check_characters
from styleclip.text.printable import printable

MAX_SHOWN_CHARS = 40  # of a value in an error sentence


def shown(value: object) -> str:
    """A value as JSON names it, safe to print and short."""
    if isinstance(value, str):
        return f"'{printable(value[:MAX_SHOWN_CHARS])}'"
    if value is None or isinstance(value, bool):
        return {None: "missing", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)[:MAX_SHOWN_CHARS]
    return "a list" if isinstance(value, list) else "an object"


def storable(value: Any) -> Any:
    """A value of JSON as strict JSON in UTF-8 can hold it: without NaN, infinite numbers and halves of characters."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(name): storable(each) for name, each in value.items()}
    return value


def parse_object(content: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object in a text."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} is no JSON; reload the page") from error
    return dict(read_object(value, what))


def read_object(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise UsageError(f"{what} is {shown(value)}, not an object; reload the page")
    return value


def read_list(value: object, what: str, most: int) -> Sequence[Any]:
    """A JSON list of at most `most` values; null counts as empty."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UsageError(f"{what} is {shown(value)}, not a list; reload the page")
    if len(value) > most:
        raise UsageError(f"there are {len(value):,} values of {what}; use at most {most:,}")
    return value


def read_text(value: object, what: str, most: int) -> str:
    """A text of at most `most` characters, without control characters."""
    if not isinstance(value, str):
        raise UsageError(f"{what} is {shown(value)}, not a text; write it in words")
    if len(value) > most:
        raise UsageError(f"{what} has {len(value):,} characters; shorten it to {most}")
    check_characters(value)
    return value


def read_number(value: object, what: str, least: float, most: float) -> float:
    """A number within these limits, which no NaN is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UsageError(f"{what} is {shown(value)}; it must be a number from {least:g} to {most:g}")
    if not least <= value <= most:
        raise UsageError(f"{what} is {shown(value)}; it must lie within {least:g} to {most:g}")
    return float(value)


def read_whole(value: object, what: str, least: int, most: int) -> int:
    """A whole number within these limits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{what} is {shown(value)}; it must be a whole number from {least} to {most}")
    return value


def read_flag(value: object, what: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise UsageError(f"{what} is {shown(value)}; it must be true or false")
    return value


def read_sha256(value: object, what: str) -> str:
    """64 hexadecimal digits."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise UsageError(f"{what} is {shown(value)}, not a SHA-256; choose the file again")
    return value
