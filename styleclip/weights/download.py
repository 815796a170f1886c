"""HTTP download with resume and retries; the size is verified.

`x.partial.json` beside `x.partial` holds its URL and version (ETag or Last-Modified). Only the same version is resumed.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from styleclip.errors import WeightError

CHUNK = 1 << 16  # bytes
TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds between two bytes
BACKOFF = (1.0, 2.0, 4.0)  # seconds before each retry; an attempt that received bytes resets the count
RETRY_STATUS_CODES = (408, 429, *range(500, 600))

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


class DownloadError(Exception):
    """The file cannot be had from this URL; another URL may work."""


class _TransientError(DownloadError):
    """The connection or the server failed; another attempt may succeed."""


def ignore(*_: object) -> None:
    """A callback that does nothing."""


def download(url: str, partial: Path, size: int | None = None, on_progress: Progress = ignore) -> None:
    """Download `url` to `partial`, resuming from the bytes of an earlier attempt.

    `size` is the expected number of bytes. Raises DownloadError when this URL does not give the file, WeightError when
    the disk has too little space.
    """
    furthest, failures = partial_size(partial), 0
    while True:
        try:
            return _attempt(url, partial, size, on_progress)
        except _TransientError:
            reached = partial_size(partial)
            failures = 1 if reached > furthest else failures + 1
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


def _attempt(url: str, partial: Path, size: int | None, on_progress: Progress) -> None:
    """Send one request, for the missing bytes."""
    before = _ResumeNote.read(partial)
    start = partial_size(partial) if before and before.url == url and before.version else 0
    if before and start and start == before.total:
        return
    headers = {"Accept-Encoding": "identity"}
    if before and start:
        headers |= {"Range": f"bytes={start}-", "If-Range": str(before.version)}
    with _translate_errors(), requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        chunks = response.iter_content(CHUNK)
        first = next(chunks, b"")
        if response.status_code in RETRY_STATUS_CODES:
            raise _TransientError(f"HTTP {response.status_code} {response.reason}")
        now = _ResumeNote.of(url, response)
        if response.status_code == 200 and first and not _is_html(first):
            start = 0
        elif response.status_code in (206, 416):
            if before is None or not before.continued_by(response, now, start):
                discard(partial)
                raise _TransientError("the file changed on the server")
        else:
            raise DownloadError(_reason(response, first))
        _receive(itertools.chain([first], chunks), partial, start, now, size, on_progress)


def _receive(
    chunks: Iterator[bytes], partial: Path, start: int, origin: _ResumeNote, size: int | None, on_progress: Progress
) -> None:
    """Write the received bytes to `partial`, after its first `start` bytes; 0 replaces them."""
    total = size if origin.total is None else origin.total
    if size not in (None, total):
        raise DownloadError(f"it announces {total:,} bytes where {size:,} are right")
    if start == 0:
        discard(partial)
        origin.write(partial)
    _check_disk_space(partial.parent, (total or 0) - start)
    done = start
    with partial.open("ab") as file:
        for chunk in chunks:
            done += len(chunk)
            if total is not None and done > total:
                break
            file.write(chunk)
            on_progress(done, total)
        file.flush()
        os.fsync(file.fileno())  # some file systems report a full disk only here
    if total is not None and done > total:
        discard(partial)
        raise DownloadError(f"it sends more than the {total:,} bytes that are right")
    if total is not None and done < total:
        raise _TransientError(f"the connection broke after {done:,} of {total:,} bytes")


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
        return cls(url, version, int(whole) if whole.isdecimal() else None)

    def continued_by(self, response: requests.Response, now: _ResumeNote, start: int) -> bool:
        """Whether a partial response begins at byte `start` and belongs to the same version."""
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        return begins and now.version in (None, self.version)

    @classmethod
    def read(cls, partial: Path) -> _ResumeNote | None:
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(_note_path(partial).read_text("utf-8")))
        return None

    def write(self, partial: Path) -> None:
        _note_path(partial).write_text(json.dumps(asdict(self)), "utf-8")


def _note_path(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _check_disk_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise WeightError(
            f"{folder} has {free / 1e6:,.0f} MB free and the download needs {needed / 1e6:,.0f} MB; "
            "free some space or set STYLECLIP_HOME to a folder with more"
        )


def _is_html(start: bytes) -> bool:
    """Whether these are the first bytes of an HTML page."""
    return re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head)\b", start, re.I) is not None


def _reason(response: requests.Response, first: bytes) -> str:
    """The reason why a response is not the file. Google Drive gives reasons only as HTML pages."""
    page = first.lower() if _is_html(first) else b""
    if response.status_code not in (200, 401, 403):
        return f"HTTP {response.status_code} {response.reason}"
    if b"quota" in page or b"too many users" in page:
        return "a page came instead, saying that the download quota of this file is used up for now"
    if b"accounts.google.com" in page or b"sign in" in page:
        return "a page came instead, asking to sign in"
    if response.status_code != 200:
        return f"HTTP {response.status_code} {response.reason}"
    return "a web page came instead of the file" if page else "nothing came"


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn exceptions of requests into DownloadError; they are OSErrors, which stand for disk errors here."""
    try:
        yield
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise _TransientError(f"the connection failed, {_root_cause(error)}") from error
    except requests.RequestException as error:
        raise DownloadError(_root_cause(error)) from error


def _root_cause(error: BaseException) -> str:
    """The message of the system error inside the exceptions of requests and urllib3."""
    if error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]
