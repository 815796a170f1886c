"""A server of weights that misbehaves as it is told, and weights that lie on it."""

from __future__ import annotations

import hashlib
import random
import re
import time
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from styleclip.errors import WeightError
from styleclip.weights.cache import fetch
from styleclip.weights.catalog import Weight

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
HALF = len(CONTENT) // 2
QUOTA = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title>Too many users have viewed this file"
SIGN_IN = b"\n<html><a href='https://accounts.google.com/x'>Sign in</a>"


@dataclass(frozen=True)
class Answer:
    """How the server answers one request."""

    content: bytes = CONTENT
    status: int = 200
    ranges: bool = True  # whether it honours Range
    if_range: bool = True  # whether it honours If-Range
    etag: str = '"one"'
    modified: str = ""
    length: int | None = None  # announced; by default the truth
    announces: bool = True
    stop: int | None = None  # bytes after which the line goes dead
    pause: float = 0.0  # seconds it then stays open
    location: str = ""  # of a redirect
    headers: tuple[tuple[str, str], ...] = ()  # more of them, in place of the true ones
    drip: float = 0.0  # seconds between two pieces of 1,000 bytes


@dataclass
class Request:
    path: str
    range: str | None
    authorization: str | None = None
    sent: int = 0


class Server(ThreadingHTTPServer):
    """Answers each path with its list of answers, one by one; the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[Request] = []

    def url(self, path: str, *answers: Answer) -> str:
        self.answers[f"/{path}"] = list(answers) or [Answer()]
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        request = Request(self.path, self.headers["Range"], self.headers["Authorization"])
        self.server.requests.append(request)
        answers = self.server.answers.get(self.path, [Answer(b"", 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        start = self.begin(answer)
        self.close_connection = True
        end = answer.stop if answer.stop is not None else len(answer.content)
        step = 1_000 if answer.drip else 10_000
        for at in range(start, end, step):
            chunk = answer.content[at : min(at + step, end)]
            request.sent += len(chunk)  # before the client has it, who may end the test then
            self.wfile.write(chunk)
            time.sleep(answer.drip)
        time.sleep(answer.pause)

    def begin(self, answer: Answer) -> int:
        """Send the head; from which byte on the body goes."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        valid = not answer.if_range or self.headers["If-Range"] in (None, answer.etag, answer.modified)
        start = int(wanted[1]) if wanted and answer.ranges and answer.status == 200 and valid else 0
        status = 302 if answer.location and answer.status == 200 else answer.status
        self.send_response(206 if start else status)
        own = dict(answer.headers)
        for name, value in {**({"Location": answer.location} if answer.location else {}), **own}.items():
            self.send_header(name, value)
        if start and "Content-Range" not in own:
            self.send_header("Content-Range", f"bytes {start}-{len(answer.content) - 1}/{len(answer.content)}")
        if answer.announces and "Content-Length" not in own:
            length = len(answer.content) - start if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if answer.modified and not start:  # with If-Range it need not come again
            self.send_header("Last-Modified", answer.modified)
        self.end_headers()
        return start

    def log_message(self, *_: object) -> None:
        """Nothing."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def known(*urls: str, **changes: Any) -> Weight:
    """A weight of which everything is known."""
    entry = Weight("it", "generator", "a test", "MIT", "it.pt", urls, len(CONTENT), sha256(CONTENT))
    return replace(entry, **changes)


def unknown(*urls: str) -> Weight:
    return known(*urls, size=None, sha256=None)


def refused(entry: Weight, *words: str, **options: Any) -> str:
    """Fetching fails with one sentence that holds the words, and nothing bears the final name."""
    with pytest.raises(WeightError) as caught:
        fetch(entry, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message
    assert not entry.path.exists()
    return message


def left_over(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))
