"""Edits and files with their strengths, as options hold them. A ValueError says what is wrong."""

from __future__ import annotations

import os
from typing import NamedTuple

from styleclip.settings import Strength
from styleclip.text.parsing import parse_strength


class EditText(NamedTuple):
    """An edit in one line: the texts, without neutrals where they are left out, and the numbers; None without one."""

    target: str
    neutrals: tuple[str, ...] = ()
    strength: Strength | None = None
    beta: Strength | None = None


def parse_edit(text: str, syntax: str) -> EditText:
    """`[NEUTRAL ->] TARGET [@ STRENGTH[, BETA]]`, with several neutrals apart by ` / `; `syntax` is for the message.

    The numbers stand behind the last @, so a text with an @ in it needs a strength. No text has a -> in it.
    """
    texts, at, numbers = text.rpartition("@") if "@" in text else (text, "", "")
    *neutrals, target = texts.split("->")
    if len(neutrals) > 1:
        raise ValueError(f"{text!r} is not an edit: it has -> more than once; write it like {syntax}.")
    try:
        values: list[Strength | None] = [parse_strength(part) for part in numbers.split(",")] if at else []
        strength, beta = values + [None] * (2 - len(values))
    except ValueError:
        raise ValueError(
            f"{text!r} is not an edit: behind the last @ stands its strength, a number; write it like {syntax}."
        ) from None
    parts = tuple(part.strip() for neutral in neutrals for part in neutral.split(" / "))
    return EditText(target.strip(), parts, strength, beta)


def parse_name(text: str) -> tuple[str, Strength | None]:
    """`NAME [@ STRENGTH]`, also without blanks: the name, and the strength behind the last @; None without one.

    The path of an existing file or folder is a name as a whole. Behind ` @ ` stands a strength; behind an @ without
    blanks a part of the name unless it is a number, and behind the only @ of hf://OWNER/REPO/FILE its revision.
    """
    name, at, last = text.rpartition("@")
    if not at or os.path.exists(text):
        return text, None
    if name.endswith(" ") and last.startswith(" "):
        return name[:-1], parse_strength(last[1:])
    if name.startswith("hf://") and "@" not in name and ":" not in name.removeprefix("hf://"):
        return text, None
    return (name.rstrip(), parse_strength(last)) if _is_strength(last) else (text, None)


def _is_strength(text: str) -> bool:
    """Whether a strength is meant: "auto" or a number, also one that is not finite."""
    if text.strip() == "auto":
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
