"""Text from files, servers and command lines as text for a terminal or for JSON, without control characters."""

from __future__ import annotations

import json
import re
import unicodedata

JOINERS = "\u200c\u200d"  # format characters (Cf) that emoji and Persian and Indic words consist of
DOUBTFUL = re.compile(r"[^\x20-\x7e]")


def printable(text: object, keep: str = "") -> str:
    r"""The text in one line: control and format characters, line ends and surrogates become escapes such as `\x1b`.

    Surrogates stand for the bytes of a file name that is not UTF-8 (PEP 383). Characters in `keep` stay.
    """
    return DOUBTFUL.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), str(text))


def printable_json(text: str) -> str:
    r"""Indented JSON with such characters as `\uXXXX`; its values stay the same."""
    return DOUBTFUL.sub(
        lambda found: found[0] if found[0] == "\n" or _is_printable(found[0]) else json.dumps(found[0])[1:-1], text
    )


def ascii_json(text: str) -> str:
    r"""JSON with all characters beyond ASCII as `\uXXXX`, for a stream that cannot encode them."""
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)


def encodable(text: str, encoding: str | None) -> str:
    r"""The text with characters that an encoding lacks as escapes such as `\u4e00`."""
    try:
        return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    except LookupError:
        return text


def _escape(character: str) -> str:
    return character if _is_printable(character) else repr(character)[1:-1]


def _is_printable(character: str) -> bool:
    return character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs"
