"""Sessions of browsers and what they keep: bounded, apart from each other, and freed when they are idle."""

from __future__ import annotations

import pytest
import torch

from styleclip.studio import sessions as studio_sessions
from styleclip.studio.caches import Cache, bytes_of
from styleclip.studio.sessions import IDLE_S, MAX_FILES, MAX_PHOTOS, Sessions, Upload, Uploads


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def upload(name: str, kind: studio_sessions.Kind = "photo", size: int = 10) -> Upload:
    return Upload(name, name, kind, b"x" * size)


def test_inversions_are_kept_while_another_session_has_them() -> None:
    freed: list[set[str]] = []
    clock = Clock()
    sessions = Sessions(clock, on_free=freed.append)
    first, second = sessions.get("first"), sessions.get("second")
    first.inversions |= {"shared", "own"}
    second.inversions.add("shared")
    with second.connected():
        clock.seconds += IDLE_S + 1
        sessions.free_idle()
    clock.seconds += IDLE_S + 1
    sessions.free_idle()
    assert freed == [{"own"}, {"shared"}]


def test_idle_sessions_are_freed_and_connected_ones_stay() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    idle, connected = sessions.get("idle"), sessions.get("connected")
    idle.uploads.put(upload("me"))
    with connected.connected():
        clock.seconds += IDLE_S
        assert sessions.get("idle") is idle
        clock.seconds += IDLE_S + 1
        sessions.free_idle()
        assert len(sessions) == 1 and sessions.get("connected") is connected
        assert sessions.get("idle").uploads.get("me") is None
    clock.seconds += IDLE_S - 1
    assert sessions.get("connected") is connected  # it counts from the end of the connection


def test_of_too_many_sessions_the_idlest_goes() -> None:
    clock = Clock()
    sessions = Sessions(clock, max_sessions=3)
    first = sessions.get("0")
    for i in range(1, 6):
        clock.seconds += 1
        first = sessions.get("0")
        clock.seconds += 1
        sessions.get(str(i))
    assert len(sessions) <= 4 and sessions.get("0") is first


def test_all_sessions_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those unheard of for longest lose their uploads first, and send them again."""
    monkeypatch.setattr(studio_sessions, "MAX_TOTAL_BYTES", 25)
    clock = Clock()
    sessions = Sessions(clock)
    for name in ("first", "second", "third"):
        clock.seconds += 1
        sessions.keep(sessions.get(name), upload(name))
    kept = [sessions.get(name).uploads.get(name) is not None for name in ("first", "second", "third")]
    assert kept == [False, True, True]
    sessions.keep(sessions.get("second"), upload("large", size=100))
    assert sessions.get("third").uploads.get("third") is None
    assert sessions.get("second").uploads.get("large") is not None


def test_uploads_are_of_their_session() -> None:
    sessions = Sessions()
    sessions.get("a").uploads.put(upload("me"))
    assert sessions.get("b").uploads.get("me") is None
    assert sessions.get("a").uploads.get("me") is not None


def test_uploads_have_a_limit_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads()
    for i in range(40):
        uploads.put(upload(f"photo {i}"))
        uploads.put(upload(f"mapper {i}", "mapper"))
        assert uploads.get("photo 0") is not None  # what is used stays
    kept = [i for i in range(40) if uploads.get(f"photo {i}")], [i for i in range(40) if uploads.get(f"mapper {i}")]
    assert kept == ([0, *range(41 - MAX_PHOTOS, 40)], [*range(40 - MAX_FILES, 40)])
    monkeypatch.setattr(studio_sessions, "MAX_UPLOAD_BYTES", 1000)
    uploads.put(upload("large", size=900))
    assert uploads.total_bytes <= 1000 and uploads.get("large") is not None
    uploads.put(upload("too large", size=2000))
    assert uploads.get("too large") is not None and uploads.get("large") is None


def test_a_cache_forgets_what_was_used_least_recently() -> None:
    cache: Cache[str] = Cache(max_entries=3, max_bytes=100)
    for key in "abc":
        cache.put(key, key, 10)
    assert cache.get("a") == "a"
    cache.put("d", "d", 10)
    assert [cache.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    cache.put("e", "e", 85)
    assert cache.total_bytes <= 100 and cache.get("e") == "e"
    cache.put("f", "f", 500)  # the newest is kept whatever its size
    assert len(cache) == 1 and cache.get_or_make("f", lambda: "other") == "f"
    cache.drop("f")
    assert cache.get_or_make("f", lambda: "other") == "other" and cache.total_bytes == 0


def test_bytes_of_values() -> None:
    tensor = torch.zeros(3, 4)
    assert bytes_of(tensor) == 48
    assert bytes_of({"a": [tensor, (tensor, b"xy")], "b": "text", "c": 3}) == 98
    assert bytes_of(torch.nn.Linear(3, 4)) == 64
    assert bytes_of(Upload("a", "a", "mapper", b"abc", tensor)) == 51
