"""Error messages about weight files: one printable sentence that begins with the path."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from styleclip.errors import NoMemoryError, StyleClipError, WeightError

MAX_VALUE_CHARS = 60  # characters of a value
WITHOUT_EFFECT = ("styleclip", "generator_name")  # settings that do not change the numbers in a file
DOWNLOAD = "download it again"  # the remedy for a damaged file
TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)  # are open in this process, in the system
MAX_REASON_CHARS = 240  # characters of the cause, without the remedy


def sentence(text: str) -> str:
    """The message in one printable line; a long cause is cut, the remedy after the last semicolon is kept."""
    line = plain_line(text)
    what, semicolon, remedy = line.rpartition("; ")
    return f"{what[: MAX_REASON_CHARS - 4]} ...{semicolon}{remedy}" if len(what) > MAX_REASON_CHARS else line


def plain_line(text: str) -> str:
    """The text in one line, with spaces in place of control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short_repr(value: Any) -> str:
    """A short text for a value: plain values and short lists of them as written, others by their type."""
    if isinstance(value, list | tuple) and len(value) <= 8:
        return f"[{', '.join(map(_scalar_repr, value))}]"[:MAX_VALUE_CHARS]
    return _scalar_repr(value)


def type_name(value: object) -> str:
    """The type of a value with its article: a tensor, an int, a list.

    A stand-in for a value of a file is named by its `type_name`, and a class by none of ours.
    """
    if value is None:
        return "None"
    kind = "class" if callable(value) else getattr(value, "type_name", type(value).__name__)
    return f"a{'n' if kind[:1].lower() in 'aeiou' else ''} {kind}"


def difference(saved: Mapping[str, Any], about: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """The first difference of the `saved` record of a file from `about`, in the words of `named`; "" for none."""
    for name, value in about.items():
        if name not in WITHOUT_EFFECT and saved.get(name) != value:
            return named.get(name) or f"with {name} {short_repr(saved.get(name))}, not {short_repr(value)}"
    return ""


def _scalar_repr(value: Any) -> str:
    if isinstance(value, str):
        return value[:MAX_VALUE_CHARS]
    small = isinstance(value, int) and value.bit_length() <= 64
    return str(value) if small or isinstance(value, float | None) else type_name(value)


@contextmanager
def report_damage(remedy: str = DOWNLOAD) -> Iterator[None]:
    """Turn any exception of a reader into a WeightError of one sentence that ends in the remedy."""
    try:
        yield
    except StyleClipError:
        raise
    except MemoryError as error:
        raise NoMemoryError("there is not enough memory to read it; close other programs and try again") from error
    except Exception as error:
        if (isinstance(error, OSError) and error.errno in TOO_MANY_FILES) or "Too many open files" in str(error):
            raise WeightError("too many files are open to read it; raise the limit with `ulimit -n`") from error
        raise WeightError(f"it is damaged or not what it seems ({_reason(error)}); {remedy}") from error


def _reason(error: Exception) -> str:
    """What an exception says, without its name."""
    said = (str(error).splitlines() or [""])[0].rstrip(".")[:100]
    if isinstance(error, KeyError):
        return f"{said} is missing"
    return said or "a part of it is of another kind"


@contextmanager
def error_context(path: str | Path, remedy: str = DOWNLOAD) -> Iterator[None]:
    """Turn every error into a WeightError that begins with the path.

    `remedy` stands in place of DOWNLOAD, for files that were not downloaded.
    """
    try:
        with report_damage(remedy):
            yield
    except StyleClipError as error:
        text = str(error)
        if remedy != DOWNLOAD:
            text = re.sub(f"(?<=; )({DOWNLOAD}|check the download.*)$", lambda _: remedy, text)
        raise WeightError(text if text.startswith(f"{path}: ") else f"{path}: {sentence(text)}") from error
