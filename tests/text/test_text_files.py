"""Text files that people bring: encodings and line ends, and what is refused before it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styleclip.errors import UsageError
from styleclip.text.text_files import read_text

TEXT = "a face\nwith häir\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_and_line_ends(encoding: str, tmp_path: Path) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "prompts.txt").write_bytes(mark + TEXT.replace("\n", end).encode(encoding))
        assert read_text(tmp_path / "prompts.txt") == TEXT


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(bytes(range(150, 200)))
    (tmp_path / "nulls").write_bytes(b"a\0b")
    (tmp_path / "odd").write_bytes(b"\xff\xfea")
    (tmp_path / "long").write_text("x" * 200)
    cases = {
        tmp_path: "is a folder; pass a text file",
        Path("/dev/zero"): "is a device or a pipe; save its text",
        tmp_path / "pipe": "is a device or a pipe; save its text",
        tmp_path / "absent": "cannot be read (No such file or directory); check the path",
        tmp_path / "binary": "is not a text file in UTF-8; save it as UTF-8",
        tmp_path / "odd": "is not a text file in UTF-8; save it as UTF-8",
        tmp_path / "nulls": "is not a text file; it holds null characters",
        tmp_path / "long": "has more than 100 bytes; pass a shorter",
        tmp_path / "null\0byte": "cannot be read (its name is no path)",
    }
    for path, words in cases.items():
        with pytest.raises(UsageError) as error:
            read_text(path, limit=100)
        assert words in str(error.value), path
