"""Fetching weights from a server that misbehaves as told: the cache never holds a bad file under its final name."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from styleclip.errors import WeightError
from styleclip.weights import cache as fetching
from styleclip.weights import download as downloads
from styleclip.weights.cache import check, fetch, weight_from_url
from styleclip.weights.catalog import Weight, weight
from tests.helpers.support import environment

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


@dataclass
class Request:
    path: str
    range: str | None
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
        request = Request(self.path, self.headers["Range"])
        self.server.requests.append(request)
        answers = self.server.answers.get(self.path, [Answer(b"", 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        start = self.begin(answer)
        self.close_connection = True
        end = answer.stop if answer.stop is not None else len(answer.content)
        for at in range(start, end, 10_000):
            request.sent += self.wfile.write(answer.content[at : min(at + 10_000, end)])
        time.sleep(answer.pause)

    def begin(self, answer: Answer) -> int:
        """Send the head; from which byte on the body goes."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        valid = not answer.if_range or self.headers["If-Range"] in (None, answer.etag, answer.modified)
        start = int(wanted[1]) if wanted and answer.ranges and answer.status == 200 and valid else 0
        self.send_response(206 if start else answer.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(answer.content) - 1}/{len(answer.content)}")
        if answer.announces:
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


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("STYLECLIP_OFFLINE", raising=False)
    monkeypatch.setattr(downloads, "BACKOFF", (0.0, 0.0))
    monkeypatch.setattr(fetching, "POLL", 0.01)
    return tmp_path / "cache"


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


def test_mirrors_are_tried_in_order(server: Server) -> None:
    urls = [
        server.url("gone", Answer(b"", 404)),
        server.url("page", Answer(QUOTA)),
        server.url("other", Answer(OTHER)),
        server.url("broken", Answer(stop=HALF, ranges=False)),
        server.url("good"),
        server.url("never"),
    ]
    assert fetch(known(*urls)).read_bytes() == CONTENT
    assert list(dict.fromkeys(r.path for r in server.requests)) == ["/gone", "/page", "/other", "/broken", "/good"]
    message = refused(known(*urls[:3], file="not.pt"), "HTTP 404", "quota", sha256(OTHER))
    assert message.index("HTTP 404") < message.index("quota") < message.index(sha256(OTHER))


def test_no_room(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT) - 1))
    words = ("MB free", "set STYLECLIP_HOME")
    refused(known(server.url("it"), server.url("mirror")), *words)
    refused(unknown(server.url("it")), *words)
    assert {request.path for request in server.requests} == {"/it"}, "a mirror does not make room"


def test_room_for_the_rest_is_enough(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([len(CONTENT), len(CONTENT) - downloads.CHUNK])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    assert fetch(known(server.url("it", Answer(stop=HALF), Answer()))).read_bytes() == CONTENT


def test_a_disk_that_fills_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        refused(known(server.url("it")), "cannot write", "No space left on device", "set STYLECLIP_HOME")
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT


def test_a_disk_that_takes_no_more(server: Server, cache: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, limits[1]))  # the system refuses bytes beyond this
    try:
        refused(known(server.url("it")), "cannot write", "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (cache / "it.pt.partial").read_bytes() == CONTENT[:HALF]
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT
    assert server.requests[-1].sent == len(CONTENT) - HALF


def test_a_cache_that_cannot_be(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "file" / "below"))
    refused(known(server.url("it")), "cannot write", "set STYLECLIP_HOME")


def test_offline(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = known(server.url("it"))
    remedy = f"download {entry.urls[0]} to {cache / 'it.pt'} (licence: MIT)"
    sentence = f"it is not in {cache} and downloads are off; {remedy}"
    assert refused(entry, offline=True) == sentence
    monkeypatch.setenv("STYLECLIP_OFFLINE", "1")
    assert refused(entry) == sentence and server.requests == []
    assert fetch(entry, offline=False).read_bytes() == CONTENT
    assert fetch(weight("demo")).is_file(), "what ships needs no network"


def test_the_first_download_is_remembered(server: Server, cache: Path) -> None:
    entry = unknown(server.url("it", Answer(), Answer(OTHER), Answer()))
    fetch(entry).unlink()
    assert json.loads((cache / "seen.json").read_text()) == {"it.pt": sha256(CONTENT)}
    refused(entry, sha256(OTHER), sha256(CONTENT), "at first", str(cache / "seen.json"))
    assert left_over(cache) == ["seen.json"]
    assert fetch(entry).read_bytes() == CONTENT and check(entry) == "ok (as first downloaded)"
    entry.path.write_bytes(OTHER)
    assert check(entry).startswith("its sha256 is")
    (cache / "seen.json").write_text("{torn")
    entry.path.unlink()
    refused(entry, "seen.json is damaged; delete it")


def test_published_hashes_of_other_kinds(server: Server) -> None:
    blob = hashlib.sha1(b"blob 300000\0" + CONTENT).hexdigest()
    for name, digest in {"git_sha1": blob, "md5": hashlib.md5(CONTENT).hexdigest()}.items():
        entry = known(server.url(name), sha256=None, file=name, **{name: digest})
        assert fetch(entry).read_bytes() == CONTENT and check(entry) == f"ok ({name})"
        wrong = known(server.url("wrong", Answer(OTHER)), sha256=None, file="wrong", **{name: digest})
        refused(wrong, f"its {name} is")


def test_check_tells_what_is_absent_or_cannot_be_known(server: Server, cache: Path) -> None:
    entry = known(server.url("it"))
    assert check(entry) == "absent; run `styleclip models pull it`"
    cache.mkdir()
    entry.path.write_bytes(b"short")
    assert check(entry) == "it has 5 bytes where 300,000 are right"
    assert check(weight("demo")) == "ok (no hash is known)"


FETCH = """
import sys, json
from styleclip.weights.catalog import Weight
from styleclip.weights.cache import fetch
print(fetch(Weight(**json.loads(sys.argv[1]))))
"""


def child(entry: Weight) -> subprocess.Popen[str]:
    """Fetch in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", FETCH, json.dumps(vars(entry))]
    online = environment(STYLECLIP_OFFLINE="0")
    return subprocess.Popen(command, env=online, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("entry", [known, unknown])
def test_two_processes_at_once(server: Server, cache: Path, entry: Callable[[str], Weight]) -> None:
    wanted = entry(server.url("it", Answer(pause=1.0, announces=False)))
    children = [child(wanted) for _ in range(2)]
    outputs = [process.communicate(timeout=30) for process in children]
    assert outputs == [(f"{wanted.path}\n", "")] * 2
    assert wanted.path.read_bytes() == CONTENT
    assert [request.sent for request in server.requests] == [len(CONTENT)], "one fetches, the other takes the result"


def test_who_waits_sees_the_progress_of_the_other(server: Server) -> None:
    entry, steps = known(server.url("it", Answer(stop=HALF, pause=0.5), Answer())), []
    other = threading.Thread(target=fetch, args=(entry,))
    other.start()
    while not server.requests:
        time.sleep(0.01)
    fetch(entry, on_progress=lambda *step: steps.append(step))
    other.join()
    assert (HALF // downloads.CHUNK * downloads.CHUNK, len(CONTENT)) in steps


def test_killed_half_way(server: Server, cache: Path) -> None:
    entry = known(server.url("it", Answer(stop=HALF, pause=5.0), Answer()))
    process, partial, deadline = child(entry), cache / "it.pt.partial", time.monotonic() + 20
    while not (partial.exists() and partial.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    there = partial.stat().st_size
    assert 0 < there <= HALF and not entry.path.exists()
    assert (cache / ".it.pt.lock").exists(), "the lock of the dead is left and holds nobody"
    assert fetch(entry).read_bytes() == CONTENT
    assert server.requests[1].range == f"bytes={there}-" and server.requests[1].sent == len(CONTENT) - there


def test_a_stale_lock(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / ".it.pt.lock").write_text("4711")
    assert fetch(known(server.url("it"))).read_bytes() == CONTENT


def test_a_url(server: Server, cache: Path) -> None:
    url = server.url("my%20net.pt?key=1")
    path = fetch(weight_from_url(url))
    assert path.parent == cache and path.name.endswith("-my_net.pt") and path.read_bytes() == CONTENT
    assert fetch(weight_from_url(url), offline=True) == path and len(server.requests) == 1
    assert weight_from_url(url).path != weight_from_url(url + "2").path
    path.unlink()
    server.url("my%20net.pt?key=1", Answer(OTHER))
    with pytest.raises(WeightError, match="at first"):
        fetch(weight_from_url(url))
    assert not path.exists()


def test_a_file_url(tmp_path: Path) -> None:
    path = tmp_path / "a net.pt"
    path.write_bytes(CONTENT)
    assert fetch(weight_from_url(path.as_uri()), offline=True) == path
    with pytest.raises(WeightError, match="there is no file /nowhere/it.pt; check the URL"):
        fetch(weight_from_url("file:///nowhere/it.pt"))


@pytest.mark.parametrize(
    "link",
    [
        "https://drive.google.com/file/d/1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT/view?usp=sharing",
        "https://drive.google.com/uc?id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
        "https://drive.google.com/uc?export=download&id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
        "https://drive.google.com/open?id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
    ],
)
def test_a_link_that_google_drive_shares(link: str) -> None:
    assert weight_from_url(link).urls == weight("ffhq-rosinality").urls


@pytest.mark.parametrize("url", ["http://", "https://[::1", "http://no such host/x"])
def test_nonsense_for_a_url(url: str) -> None:
    with pytest.raises(WeightError):
        fetch(weight_from_url(url))
