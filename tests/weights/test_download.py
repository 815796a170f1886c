"""Downloads that are cut, continued, begun afresh, limited and compressed."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from styleclip.errors import UsageError
from styleclip.weights import download as downloads
from styleclip.weights.cache import check, fetch
from styleclip.weights.catalog import Weight
from tests.helpers.weight_server import (
    CONTENT,
    HALF,
    OTHER,
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


@pytest.mark.parametrize("entry", [known, unknown])
def test_a_truncated_file(server: Server, entry: Callable[[str], Weight]) -> None:
    refused(entry(server.url("it", Answer(stop=HALF, ranges=False))), "the connection")
    assert len(server.requests) >= 3


def test_a_truncated_file_of_unannounced_length(server: Server) -> None:
    answer = Answer(stop=HALF, announces=False, ranges=False)
    refused(known(server.url("it", answer)), f"the connection broke after {HALF:,} of 300,000 bytes")


def test_an_unannounced_length(server: Server) -> None:
    assert fetch(unknown(server.url("it", Answer(announces=False)))).read_bytes() == CONTENT


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


def test_a_part_that_nobody_asked_for(server: Server) -> None:
    refused(known(server.url("it", Answer(status=206))), "HTTP 206")


def test_a_link_in_the_place_of_a_part(server: Server, cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    cache.mkdir()
    (cache / "it.pt.partial").symlink_to(other)
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT
    assert other.read_bytes() == b"mine" and not (cache / "it.pt").is_symlink()
