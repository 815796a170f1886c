"""Downloads from a server that misbehaves: cut, resumed, wrong, truncated, busy, and pages in place of files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from styleclip.weights import download as downloads
from styleclip.weights.cache import check, fetch
from styleclip.weights.catalog import Weight
from tests.helpers.weight_server import (
    CONTENT,
    HALF,
    OTHER,
    QUOTA,
    SIGN_IN,
    Answer,
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
    monkeypatch.setattr(downloads, "TIMEOUT", (1.0, 0.2))
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
