"""The cache: mirrors, disks, locks, hashes and URLs; it never holds a bad file under its final name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from styleclip.weights import http
from styleclip.weights.cache import check, fetch, is_offline
from styleclip.weights.catalog import Weight, weight
from tests.helpers.support import environment
from tests.helpers.weight_server import (
    CONTENT,
    HALF,
    OTHER,
    QUOTA,
    Answer,
    Server,
    known,
    left_over,
    refused,
    sha256,
    unknown,
)

pytestmark = pytest.mark.usefixtures("cache")


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
    free = iter([len(CONTENT), len(CONTENT) - http.CHUNK])
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
    assert refused(entry) == sentence.replace("off;", "off (STYLECLIP_OFFLINE=1);") and server.requests == []
    assert fetch(entry, offline=False).read_bytes() == CONTENT
    assert fetch(weight("demo")).is_file(), "what ships needs no network"


@pytest.mark.parametrize(
    ("value", "offline"),
    [(each, True) for each in ("1", " 1", "true", "YES", "on", "2", "maybe")]
    + [(each, False) for each in ("", " ", "0", " 0 ", "false", "No", "OFF")],
)
def test_words_for_offline(value: str, offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OFFLINE", value)
    assert is_offline() is offline


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
    assert any(0 < done <= HALF and total == len(CONTENT) for done, total in steps)


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
