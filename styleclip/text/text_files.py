"""Text files that people bring: bounded in size before they are read, and decoded strictly."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from styleclip.errors import UsageError

MAX_TEXT_BYTES = 2**20  # of a file that a person writes
BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read_text(path: Path, limit: int = MAX_TEXT_BYTES, errors: str = "strict") -> str:
    """The text of a file in UTF-8, or in UTF-16 with its byte order mark; lines end with a newline.

    Raises UsageError for folders, devices and pipes, which are not opened, for more than `limit` bytes, for what cannot
    be read, and for bytes that are no text. `errors` is that of `bytes.decode`.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path} is a folder; pass a text file")
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is a device or a pipe; save its text to a file and pass that")
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "its name is no path"
        raise UsageError(f"{path} cannot be read ({reason}); check the path and its permissions") from error
    if len(content) > limit:
        raise UsageError(f"{path} has more than {limit:,} bytes; pass a shorter text file")
    mark, encoding = next(((mark, name) for mark, name in BOMS.items() if content.startswith(mark)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8; save it as UTF-8") from error
    if "\0" in text and errors == "strict":
        raise UsageError(f"{path} is not a text file; it holds null characters, so pass another one")
    return text.replace("\r\n", "\n").replace("\r", "\n")
