"""Bodies of requests: read within limits of size and time, and the names that come with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request

from styleclip.studio.web import uploads
from styleclip.studio.web.security import Refusal
from styleclip.studio.web.uploads import BodyReader, client_name


def request_of(*chunks: bytes, headers: dict[str, str] | None = None, delay: float = 0.0) -> Request:
    """A request whose body comes in these chunks, each after a delay."""

    async def receive() -> dict[str, object]:
        await asyncio.sleep(delay)
        number = next(numbers)
        return {"type": "http.request", "body": chunks[number], "more_body": number + 1 < len(chunks)}

    numbers = iter(range(len(chunks)))
    sent = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "headers": sent}, receive)  # type: ignore[arg-type]


def endless(start: bytes) -> Request:
    """A request whose body never goes on after `start`."""

    async def receive() -> dict[str, object]:
        if not started:
            started.append(start)
            return {"type": "http.request", "body": start, "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    started: list[bytes] = []
    return Request({"type": "http", "method": "POST", "headers": []}, receive)  # type: ignore[arg-type]


def read(request: Request, most: int) -> bytes:
    return asyncio.run(BodyReader().read(request, most))


def test_bodies_within_the_limit() -> None:
    assert read(request_of(b"abc", b"", b"de"), 5) == b"abcde"


@pytest.mark.parametrize("headers", [{}, {"content-length": "6"}, {"content-length": "3"}])
def test_bodies_beyond_the_limit(headers: dict[str, str]) -> None:
    """Counted, not believed."""
    with pytest.raises(Refusal, match="MiB; send a smaller one") as caught:
        read(request_of(b"abc", b"def", headers=headers), 5)
    assert caught.value.status == 413


def test_an_endless_body_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_DISCARDED_BYTES", 20)
    reads: list[int] = []

    class Endless:
        headers = {"content-length": "9"}

        async def stream(self) -> AsyncIterator[bytes]:
            while True:
                reads.append(1)
                yield b"0123456789"

    with pytest.raises(Refusal):
        asyncio.run(BodyReader().read(Endless(), 5))  # type: ignore[arg-type]
    assert len(reads) == 3


def test_uploads_that_stall_hold_up_no_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_READERS", 1)
    monkeypatch.setattr(uploads, "MAX_STATE_BYTES", 3)

    async def read_beside() -> list[bool]:
        reader = BodyReader()
        stalled = [asyncio.ensure_future(reader.read(endless(body), 100)) for body in (b"abcdef", b"a")]
        await asyncio.sleep(0)
        assert await reader.read(request_of(b"ab", b"c"), 3) == b"abc"
        large = asyncio.ensure_future(reader.read(request_of(b"abcdef"), 100))
        await asyncio.sleep(0.01)
        waits = not large.done()
        stalled[0].cancel()
        assert await large == b"abcdef"
        stalled[1].cancel()
        return [
            waits,
            *(
                isinstance(each, asyncio.CancelledError)
                for each in await asyncio.gather(*stalled, return_exceptions=True)
            ),
        ]

    assert asyncio.run(read_beside()) == [True, True, True]


@pytest.mark.parametrize("limit", ["CHUNK_SECONDS", "BODY_SECONDS"])
def test_a_body_that_stops_or_drips_is_left(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, limit, 0.01)
    with pytest.raises(Refusal, match="send it again") as caught:
        read(request_of(b"abc", b"def", delay=5), 100)
    assert caught.value.status == 408


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("me.jpg", "me.jpg"),
        ("caf%C3%A9.png", "café.png"),
        ("../../etc/passwd", "passwd"),
        ("C%3A%5CUsers%5Cme.jpg", "me.jpg"),
        ("%2Fetc%2F..", "photo"),
        ("", "photo"),
        ("a%00b%0Ac.png", "a_b_c.png"),
        ("con.png", "_con.png"),
        ("%FF%FE", "\ufffd\ufffd"),
        ("x" * 500 + ".safetensors", "x" * 60 + ".safetensors"),
        ("%E4%B8%80" * 200 + ".jpg", "\u4e00" * 60 + ".jpg"),
        ("x" * 70, "x" * 60),
        (".png", "png"),
    ],
)
def test_names_of_uploads(given: str, name: str) -> None:
    assert client_name(request_of(b"", headers={"x-name": given}), "photo") == name
