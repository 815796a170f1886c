"""The way of all text to the terminal: control characters and what the terminal cannot show are printed as escapes."""

from __future__ import annotations

import io
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import click

from styleclip.text.printable import ascii_json, encodable, printable


def print_lines(*lines: object, err: bool = False, end: str = "\n") -> None:
    """Print each as one line on stdout, or on stderr; nothing where there is none."""
    if lines:
        text = "\n".join(map(printable, lines)) + end
        click.echo(encodable(text, _encoding(err)), err=err, nl=False)


def print_json(value: object) -> None:
    """Print JSON that stays JSON whatever stdout can encode."""
    from styleclip.storage.files import to_json

    text = to_json(value)
    click.echo(text if encodable(text, _encoding()) == text else ascii_json(text), nl=False)


LONG_WORD = re.compile(r"\S{301,}")  # such as a number of a thousand digits; paths are shorter


@contextmanager
def printable_messages() -> Iterator[None]:
    """Escape the messages of errors that click prints; those of click itself may have lines."""
    try:
        yield
    except click.ClickException as error:
        message = LONG_WORD.sub(lambda word: f"{word[0][:60]}...{word[0][-20:]}", str(error.message))
        vars(error)["message"] = encodable(printable(message, keep="\n\t"), _encoding(err=True))
        raise


def escape_unencodable() -> None:
    """Let stdout and stderr write what they cannot encode as escapes, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Python's own print of an error that nothing caught, with escapes; for `sys.excepthook`."""
    text = "".join(traceback.format_exception(kind, error, trace))
    print_lines(*text.rstrip("\n").split("\n"), err=True)


def print_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    """A warning and where it comes from, as Python prints it, with escapes; for `warnings.showwarning`."""
    print_lines(f"{filename}:{lineno}: {category.__name__}: {message}", err=True)


def _encoding(err: bool = False) -> str | None:
    return getattr(sys.stderr if err else sys.stdout, "encoding", None)
