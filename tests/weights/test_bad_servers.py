"""Servers that send something else than the file: wrong, too much, pages, errors, nothing, and no HTTP."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from styleclip.weights import download as downloads
from styleclip.weights import http
from styleclip.weights.cache import check, fetch
from styleclip.weights.catalog import Weight
from tests.helpers.weight_server import (
    CONTENT,
    HALF,
    OTHER,
    QUOTA,
    SIGN_IN,
    Answer,
    Handler,
    Server,
    known,
    left_over,
    refused,
    sha256,
    unknown,
)

pytestmark = pytest.mark.usefixtures("cache")


def test_a_wrong_hash(server: Server, cache: Path) -> None:
    refused(known(server.url("it", Answer(OTHER))), sha256(OTHER), sha256(CONTENT), "deleted", "try again later")
    assert left_over(cache) == [] and len(server.requests) == 1


@pytest.mark.parametrize("length", [10, len(CONTENT) + 1, 10**12])
def test_a_wrong_announcement_is_refused_at_once(server: Server, cache: Path, length: int) -> None:
    refused(known(server.url("it", Answer(length=length))), f"announces {length:,} bytes where 300,000 are right")
    assert left_over(cache) == [] and len(server.requests) == 1


def test_more_than_was_to_come(server: Server, cache: Path) -> None:
    refused(known(server.url("it", Answer(CONTENT + OTHER, announces=False))), "sends more than the 300,000 bytes")
    assert left_over(cache) == []


@pytest.mark.parametrize(("status", "words"), [(404, "HTTP 404 Not Found"), (403, "HTTP 403"), (204, "HTTP 204")])
def test_no_such_file(server: Server, cache: Path, status: int, words: str) -> None:
    entry = known(server.url("it", Answer(b"", status)))
    message = refused(entry, words, f"download {entry.urls[0]} to {cache / 'it.pt'} (licence: MIT)")
    assert message.startswith("cannot download it (127.0.0.1:") and len(server.requests) == 1


def test_a_server_that_is_busy_for_a_while(server: Server) -> None:
    busy = Answer(b"<html>Quota of patience exceeded", 503)
    assert fetch(known(server.url("it", busy, busy, Answer()))).read_bytes() == CONTENT


def test_a_server_that_stays_busy(server: Server) -> None:
    refused(known(server.url("it", Answer(b"", 503))), "HTTP 503")
    assert len(server.requests) == len(downloads.BACKOFF) + 1


def test_a_server_that_falls_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (1.0, 0.2))
    assert fetch(known(server.url("it", Answer(stop=HALF, pause=0.6), Answer()))).read_bytes() == CONTENT
    refused(known(server.url("silent", Answer(stop=0, pause=0.6)), file="silent"), "the connection failed")


def test_nobody_listens() -> None:
    refused(known("http://127.0.0.1:9/it"), "the connection failed", "try again later, or download http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (Answer(QUOTA), "the download quota of this file is used up"),
        (Answer(QUOTA, 403), "the download quota"),
        (Answer(SIGN_IN), "asking to sign in"),
        (Answer(b"<HTML>hello"), "a web page came instead of the file"),
        (Answer(b"<html>Sign in", 404), "HTTP 404"),
        (Answer(b""), "nothing came"),
    ],
)
@pytest.mark.parametrize("entry", [known, unknown])
def test_a_page_that_calls_itself_a_file(
    server: Server, cache: Path, entry: Callable[[str], Weight], page: Answer, words: str
) -> None:
    refused(entry(server.url("it.pt", page)), words, "download http://127.0.0.1")
    assert left_over(cache) == []


def test_a_page_does_not_harm_the_part_that_is_here(server: Server) -> None:
    entry = known(server.url("it", Answer(stop=HALF), Answer(QUOTA, ranges=False), Answer()))
    refused(entry, "quota")
    assert fetch(entry).read_bytes() == CONTENT
    assert server.requests[-1].sent < len(CONTENT)


def test_a_page_in_other_words(server: Server, cache: Path) -> None:
    for page in (b"<?xml version='1.0'?><Error>", b"<!-- x --><html>", b'{"error": "none"}', b"\xef\xbb\xbf <title>x"):
        refused(unknown(server.url("it", Answer(page))), "a web page came instead of the file")
    refused(unknown(server.url("it", Answer(b"version https://git-lfs.github.com/spec/v1"))), "a Git LFS pointer came")
    refused(unknown(server.url("it", Answer(b"<html>" + b"x" * 10_000, announces=False))), "a web page")
    assert left_over(cache) == []


def test_a_server_that_drips(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LEAST_SPEED", (100_000, 0.2))
    slow = "it sends fewer than 100,000 bytes in 0.2 seconds"
    entry = known(server.url("it", Answer(drip=0.05, stop=50_000), Answer()))
    assert "try again later, which goes on from the 0.0 MB here" in refused(entry, slow)
    assert "which goes on from the 0.0 MB here" in check(entry)
    assert fetch(entry).read_bytes() == CONTENT and server.requests[1].sent < len(CONTENT)
    refused(known(server.url("page", Answer(b"<html>" * 1000, drip=0.3)), file="page"), "a web page came")


def test_a_head_that_drips(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS", 0.2)

    def drip(handler: Handler) -> None:
        handler.close_connection = True
        for i in range(10):
            handler.wfile.write(b"X: 1\r\n" if i else b"HTTP/1.1 200 OK\r\n")
            time.sleep(0.05)

    monkeypatch.setattr(Handler, "do_GET", drip)
    refused(unknown(server.url("it")), "its answer does not begin within 0.2 seconds")


def test_a_bomb(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = Answer(gzip.compress(bytes(20_000_000)), headers=(("Content-Encoding", "gzip"),))
    refused(known(server.url("it", bomb)), "it sends more than the 300,000 bytes that are right")
    monkeypatch.setenv("STYLECLIP_MAX_DOWNLOAD_GB", "0.001")
    refused(unknown(server.url("it", bomb)), "more than the 0.001 GB")
    assert left_over(cache) == []


@pytest.mark.parametrize(
    "told", ["bytes 0-9/10", "bytes {start}-{end}/999999", "bytes 7-299999/300000", "items 1-2/3", ""]
)
def test_a_content_range_that_lies(server: Server, told: str) -> None:
    server.url(
        "it", Answer(stop=HALF), Answer(headers=(("Content-Range", told.format(start=HALF, end=299_999)),)), Answer()
    )
    entry = known(f"http://127.0.0.1:{server.server_port}/it")
    assert fetch(entry).read_bytes() == CONTENT
    assert server.requests[-1].range is None, "it starts afresh"


EXCEPTION_NAMES = re.compile(r"\w+(Error|Exception|Line|Disconnected|Read)\b|\(")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the server closed it without an answer"),
        (b"<html>", "the server's answer is damaged"),
        (b"\x1b[31mhello\n\n", "the server's answer is damaged"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(500)) + b"\r\n", "the server's answer"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", "the server's answer is damaged"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", "the server's answer is damaged"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc", "the file broke off"),
        (b"HTTP/1.1 302 x\r\nLocation: http://[::1/x\r\nContent-Length: 0\r\n\r\n", "that cannot be read"),
        (b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:99999/\r\nContent-Length: 0\r\n\r\n", "cannot be read"),
    ],
)
def test_answers_that_are_no_http(server: Server, raw: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a reason in words, without the names of exceptions or texts of the server."""
    monkeypatch.setattr(
        Handler, "do_GET", lambda self: [self.wfile.write(raw), setattr(self, "close_connection", True)]
    )
    message = refused(unknown(server.url("it")), words)
    reason = message.split(": ", 2)[1]
    assert not EXCEPTION_NAMES.search(reason.split("; try")[0].rstrip(")")), message


@pytest.mark.parametrize(
    "proxy",
    ["http://me:pw/0rd@127.0.0.1:9", "http://me:pw0rd@127.0.0.1:9", "me:pw0rd@[::1", "http://me:p#w0rd@there:port"],
)
def test_a_proxy_that_cannot_be_used_shows_no_password(
    proxy: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    for url in ("http://there.invalid/it", "https://there.invalid/it"):
        message = refused(known(url), "try again later")
        assert [word for word in ("me:", "pw", "0rd") if word in message] == []
