"""Downloads from a server that misbehaves: cut, resumed, wrong, truncated, busy, and pages in place of files."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from styleclip.errors import UsageError
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


def test_a_whole_file(server: Server, cache: Path) -> None:
    entry, asked, steps = known(server.url("it")), [], []

    def licence(shown: Weight) -> None:
        asked.append((shown.licence, len(server.requests)))

    path = fetch(entry, on_start=licence, on_progress=lambda *step: steps.append(step))
    assert path == cache / "it.pt" == entry.path and path.read_bytes() == CONTENT
    assert asked == [("MIT", 0)], "the licence comes before the first request"
    assert steps == sorted(steps) and steps[-1] == (len(CONTENT), len(CONTENT))
    assert left_over(cache) == ["it.pt"] and check(entry) == "ok (sha256)"
    assert fetch(entry, offline=True, on_start=licence) == path, "what is here is not asked for again"
    assert len(server.requests) == len(asked) == 1


@pytest.mark.parametrize("whole", [Answer(), Answer(etag='W/"weak"', modified="Wed, 01 Jan 2025 00:00:00 GMT")])
def test_a_cut_line_is_continued(server: Server, cache: Path, whole: Answer) -> None:
    url = server.url("it", replace(whole, stop=HALF), whole)
    assert fetch(known(url)).read_bytes() == CONTENT
    first, second = server.requests
    start = int(re.findall(r"\d+", second.range or "")[0])
    assert first.range is None and 0 < start <= HALF
    assert second.sent == len(CONTENT) - start, "only the rest is sent"
    assert left_over(cache) == ["it.pt"]


def test_a_line_that_is_cut_again_and_again_gets_there(server: Server) -> None:
    cuts = [Answer(stop=stop) for stop in range(70_000, len(CONTENT), 70_000)]
    assert len(cuts) > len(downloads.BACKOFF) + 1
    assert fetch(known(server.url("it", *cuts, Answer()))).read_bytes() == CONTENT


def test_a_later_run_continues(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "BACKOFF", ())
    entry = known(server.url("it", Answer(stop=HALF), Answer()))
    refused(entry, "the connection", "try again later")
    assert fetch(entry).read_bytes() == CONTENT
    assert server.requests[1].sent < len(CONTENT)


def test_a_part_that_is_whole_is_not_asked_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, rename = known(server.url("it")), os.replace
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "the disk hums")))
    refused(entry, "cannot write", "the disk hums")
    monkeypatch.setattr(os, "replace", rename)
    assert fetch(entry).read_bytes() == CONTENT and len(server.requests) == 1


@pytest.mark.parametrize(
    "later",
    [
        Answer(ranges=False),
        Answer(etag='"two"'),
        Answer(etag='"two"', if_range=False),
        Answer(etag="", if_range=False, ranges=False),
    ],
    ids=["range ignored", "file changed", "file changed and If-Range ignored", "nothing told"],
)
def test_what_cannot_be_continued_starts_afresh(server: Server, later: Answer) -> None:
    entry = known(server.url("it", Answer(OTHER, stop=HALF), later))
    assert fetch(entry).read_bytes() == CONTENT
    assert server.requests[-1].sent == len(CONTENT)


def test_a_server_without_versions_is_not_continued(server: Server) -> None:
    entry = unknown(server.url("it", Answer(OTHER, stop=HALF, etag=""), Answer(etag="")))
    assert fetch(entry).read_bytes() == CONTENT
    assert [request.range for request in server.requests] == [None, None]


def test_a_part_longer_than_the_file_starts_afresh(server: Server, cache: Path) -> None:
    entry = known(server.url("it", Answer(b"", 416), Answer()))
    cache.mkdir()
    (cache / "it.pt.partial").write_bytes(OTHER + OTHER)
    note = {"url": entry.urls[0], "version": '"one"', "total": None}
    (cache / "it.pt.partial.json").write_text(json.dumps(note))
    assert fetch(entry).read_bytes() == CONTENT


def test_a_part_of_unknown_origin_starts_afresh(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "it.pt.partial").write_bytes(OTHER[:HALF])
    (cache / "it.pt.partial.json").write_text("{torn")
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT


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


@pytest.mark.parametrize("entry", [known, unknown])
def test_a_truncated_file(server: Server, entry: Callable[[str], Weight]) -> None:
    refused(entry(server.url("it", Answer(stop=HALF, ranges=False))), "the connection")
    assert len(server.requests) >= 3


def test_a_truncated_file_of_unannounced_length(server: Server) -> None:
    answer = Answer(stop=HALF, announces=False, ranges=False)
    refused(known(server.url("it", answer)), f"the connection broke after {HALF:,} of 300,000 bytes")


def test_an_unannounced_length(server: Server) -> None:
    assert fetch(unknown(server.url("it", Answer(announces=False)))).read_bytes() == CONTENT


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


def test_an_unknown_file_has_a_limit(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_MAX_DOWNLOAD_GB", "0.0001")
    limit = "more than the 0.0001 GB that are taken of an unknown file; set STYLECLIP_MAX_DOWNLOAD_GB to take more"
    refused(unknown(server.url("it")), f"it announces 300,000 bytes, {limit}")
    refused(unknown(server.url("it", Answer(announces=False))), f"it sends {limit}")
    assert left_over(cache) == [] and max(request.sent for request in server.requests) < len(CONTENT) + 1
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT, "a published size needs no other limit"
    monkeypatch.delenv("STYLECLIP_MAX_DOWNLOAD_GB")
    big = replace(unknown(server.url("big", Answer(length=10**13))), file="big")
    refused(big, "it announces 10,000,000,000,000 bytes, more than the 4 GB")
    digits = Answer(headers=(("Content-Length", "9" * 5000),))
    assert fetch(known(server.url("big", digits), size=None, file="big")).read_bytes() == CONTENT


@pytest.mark.parametrize("text", ["many", "0", "-1", "nan", "inf", "1e400"])
def test_a_limit_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_MAX_DOWNLOAD_GB", text)
    with pytest.raises(UsageError, match=f"STYLECLIP_MAX_DOWNLOAD_GB={text} is no number of gigabytes; set it to one"):
        downloads.max_download()


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


def test_a_full_disk_leaves_nothing(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(cache.parent)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    refused(known(server.url("it")), "0 MB free and the download needs 0 MB; free some space")
    assert left_over(cache) == []


def test_a_line_that_is_cut_after_a_byte_each_time_ends(server: Server) -> None:
    cuts = [Answer(stop=stop) for stop in range(1_000, 100_000, 1_000)]
    refused(known(server.url("it", *cuts)), "the connection")
    assert len(server.requests) <= len(downloads.BACKOFF) + 2


def test_a_part_that_cannot_be_continued_is_not_left(server: Server, cache: Path) -> None:
    assert "goes on" not in refused(known(server.url("it", Answer(stop=HALF, etag=""))), "the connection")
    assert left_over(cache) == []


@pytest.mark.parametrize("size", [None, 400_000])
def test_a_compressed_transfer(server: Server, size: int | None) -> None:
    content = CONTENT + bytes(100_000)
    coded = Answer(gzip.compress(content), headers=(("Content-Encoding", "gzip"),))
    entry = known(server.url("it", replace(coded, stop=HALF), coded), size=size, sha256=sha256(content))
    assert fetch(entry).read_bytes() == content
    assert [request.range for request in server.requests] == [None, None], "a coded part is not continued"
    refused(known(server.url("no", replace(coded, content=CONTENT)), file="no"), "compression is damaged")


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


def test_a_part_that_nobody_asked_for(server: Server) -> None:
    refused(known(server.url("it", Answer(status=206))), "HTTP 206")


def test_a_link_in_the_place_of_a_part(server: Server, cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    cache.mkdir()
    (cache / "it.pt.partial").symlink_to(other)
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT
    assert other.read_bytes() == b"mine" and not (cache / "it.pt").is_symlink()


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
