"""HTTP download with resume and retries; the size is bounded and verified.

`x.partial.json` beside `x.partial` holds its URL and version (ETag or Last-Modified). Only the same version is resumed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import requests

from styleclip.errors import UsageError, WeightError
from styleclip.text.text_files import read_text
from styleclip.weights.http import DownloadError, TransientError, is_page, open_url, read_body, status_of, why_no_file
from styleclip.weights.urls import shown_url

BACKOFF = (1.0, 2.0, 4.0)  # seconds before each retry; LEAST_PROGRESS in one attempt resets the count
LEAST_PROGRESS = 10_000  # bytes
RETRY_STATUS_CODES = (408, 429, *range(500, 600))
MAX_GB = 4.0  # of a file whose size nobody has published, unless STYLECLIP_MAX_DOWNLOAD_GB says otherwise

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


def ignore(*_: object) -> None:
    """A callback that does nothing."""


def download(url: str, partial: Path, size: int | None = None, on_progress: Progress = ignore) -> None:
    """Download `url` to `partial`, resuming from the bytes of an earlier attempt.

    `size` is the expected number of bytes; without it at most `max_download` come. Raises DownloadError when this URL
    does not give the file, WeightError when the disk has too little space.
    """
    furthest, failures = partial_size(partial), 0
    while True:
        try:
            return _attempt(url, partial, size, on_progress)
        except TransientError:
            reached = partial_size(partial)
            failures = 1 if reached >= furthest + LEAST_PROGRESS else failures + 1
            furthest = max(furthest, reached)
            if failures > len(BACKOFF):
                raise
            time.sleep(BACKOFF[failures - 1])


def partial_size(partial: Path) -> int:
    """The size of a partial file in bytes; 0 where there is none."""
    try:
        return partial.stat().st_size
    except FileNotFoundError:  # or another process has just moved it to its final name
        return 0


def discard(partial: Path) -> None:
    """Remove a partial file and the note beside it."""
    for path in (partial, _note_path(partial)):
        path.unlink(missing_ok=True)


def resumable_size(partial: Path) -> int:
    """The bytes of a partial file that a later download can go on from."""
    note = _ResumeNote.read(partial)
    return partial_size(partial) if note and note.version else 0


def max_download() -> int:
    """The bytes that a file of unpublished size may have: STYLECLIP_MAX_DOWNLOAD_GB, else MAX_GB."""
    text = os.environ.get("STYLECLIP_MAX_DOWNLOAD_GB") or str(MAX_GB)
    with suppress(ValueError):
        if 0 < float(text) < 1e6:
            return int(float(text) * 1e9)
    raise UsageError(f"STYLECLIP_MAX_DOWNLOAD_GB={text} is no number of gigabytes; set it to one such as 12")


def check_disk_space(folder: Path, needed: int) -> None:
    """Raise WeightError where the disk of a folder has too little space for so many bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise WeightError(
            f"{folder} has {free / 1e6:,.0f} MB free and the download needs {needed / 1e6:,.0f} MB; "
            "free some space or set STYLECLIP_HOME to a folder with more"
        )


def _attempt(url: str, partial: Path, size: int | None, on_progress: Progress) -> None:
    """Send one request, for the missing bytes."""
    before = _ResumeNote.read(partial)
    start = partial_size(partial) if before and before.url == _recorded(url) and before.version else 0
    if before and start and start == before.total:
        return
    headers = {}
    if before and start:
        headers = {"Range": f"bytes={start}-", "If-Range": str(before.version)}
    with open_url(url, headers) as response:
        pieces = read_body(response)
        first = next(pieces, b"")
        if response.status_code in RETRY_STATUS_CODES:
            raise TransientError(status_of(response))
        now = _ResumeNote.of(url, response)
        if response.status_code == 200 and first and not is_page(first):
            start = 0
        elif response.status_code in (206, 416) and start:
            if before is None or not before.continued_by(response, now, start):
                discard(partial)
                raise TransientError("the file changed on the server")
        else:
            raise DownloadError(why_no_file(response, first))
        _receive(itertools.chain([first], pieces), partial, start, now, size, on_progress)


def _receive(
    pieces: Iterator[bytes], partial: Path, start: int, origin: _ResumeNote, size: int | None, on_progress: Progress
) -> None:
    """Write the received bytes to `partial`, after its first `start` bytes; 0 replaces them."""
    total = size if origin.total is None else origin.total
    if size not in (None, total):
        raise DownloadError(f"it announces {total:,} bytes where {size:,} are right")
    limit = max_download() if total is None or size is None else total
    if total is not None and total > limit:
        raise DownloadError(f"it announces {total:,} bytes, more than {_taken(limit)}")
    if start == 0:
        discard(partial)
    check_disk_space(partial.parent, (total or 0) - start)
    if start == 0:
        origin.write(partial)
    done, limit = start, limit if total is None else total
    with _open_to_append(partial) as file:
        for piece in pieces:
            done += len(piece)
            if done > limit:
                break
            file.write(piece)
            on_progress(done, total)
        file.flush()
        os.fsync(file.fileno())  # some file systems report a full disk only here
    if done > limit:
        discard(partial)
        right = f"the {total:,} bytes that are right" if total is not None else _taken(limit)
        raise DownloadError(f"it sends more than {right}")
    if total is not None and done < total:
        raise TransientError(f"the connection broke after {done:,} of {total:,} bytes")


def _taken(limit: int) -> str:
    return f"the {limit / 1e9:g} GB that are taken of an unknown file; set STYLECLIP_MAX_DOWNLOAD_GB to take more"


def _open_to_append(partial: Path) -> IO[bytes]:
    """The partial file, which must not be a link to another file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(partial, flags, 0o644), "ab")


@dataclass(frozen=True)
class _ResumeNote:
    """URL, version and total size in bytes of a partial file; None where the server does not give them."""

    url: str
    version: str | None
    total: int | None

    @classmethod
    def of(cls, url: str, response: requests.Response) -> _ResumeNote:
        etag = response.headers.get("ETag", "")
        version = etag if etag.startswith('"') else response.headers.get("Last-Modified")  # no weak ETag
        whole = response.headers.get("Content-Length", "")
        if response.status_code != 200:
            whole = response.headers.get("Content-Range", "").rpartition("/")[2]
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            version, whole = None, ""  # both are of the compressed bytes
        return cls(_recorded(url), version, int(whole) if whole.isdecimal() and len(whole) < 20 else None)

    def continued_by(self, response: requests.Response, now: _ResumeNote, start: int) -> bool:
        """Whether a partial response begins at byte `start` and belongs to the same version."""
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        return begins and now.version in (None, self.version) and self.total in (None, now.total)

    @classmethod
    def read(cls, partial: Path) -> _ResumeNote | None:
        with suppress(OSError, RecursionError, TypeError, UsageError, ValueError):
            return cls(**json.loads(read_text(_note_path(partial))))
        return None

    def write(self, partial: Path) -> None:
        _note_path(partial).write_text(json.dumps(asdict(self)), "utf-8")


def _recorded(url: str) -> str:
    """A URL as the note holds it; one with a password or other parameters is recorded by its hash."""
    return url if shown_url(url) == url else hashlib.sha256(url.encode(errors="surrogateescape")).hexdigest()


def _note_path(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")
