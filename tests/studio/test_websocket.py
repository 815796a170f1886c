"""The websocket of the studio: every frame has one answer, and nothing that a client does leaves anything behind."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from styleclip.studio.engine import Engine
from styleclip.studio.requests import Busy, Pending, StudioError, Superseded
from styleclip.studio.web import websocket
from styleclip.studio.web.server import create_app
from styleclip.studio.web.websocket import MAX_MESSAGE_BYTES, MAX_UNSENT, Outbox
from tests.helpers.studio_client import StudioClient, answer_to, frame
from tests.helpers.support import assert_is_one_sentence

MAPPER = {"id": "r1", "kind": "mapper", "on": True, "strength": 0.5, "name": "demo-old"}


@pytest.fixture(scope="module")
def client(engine: Engine) -> StudioClient:
    return StudioClient(create_app(engine))


def failure_of(engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the engine fail."""

    def draw(*_: object) -> None:
        raise error

    monkeypatch.setattr(engine, "draw", draw)


def test_a_picture_follows_its_facts(client: StudioClient) -> None:
    with client.connect() as socket:
        facts, picture = answer_to(socket, frame(7, [MAPPER]))
        assert facts["counter"] == 7 and facts["rest"] is False and "r1" in facts["rows"]
        assert picture.startswith(b"\xff\xd8")
        facts, picture = answer_to(socket, frame(2**32 - 1, rest=True))
        assert facts["rest"] is True and picture.startswith(b"\x89PNG")


def test_a_text_is_found_by_a_job(client: StudioClient) -> None:
    row = {"id": "r1", "kind": "text", "on": True, "strength": 0.8, "prompt": "a face with red hair"}
    with client.connect() as socket:
        facts, before = answer_to(socket, frame(1, [row]))
        key = facts["rows"]["r1"]["job"]["key"]
        while (news := socket.receive_json())["type"] == "progress":
            assert news["job"]["key"] == key
        assert news == {"type": "done", "key": key}
        facts, after = answer_to(socket, frame(2, [row]))
        assert "job" not in facts["rows"]["r1"] and after != before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[" * 100_000,
        "3",
        "[]",
        "{}",
        '{"type": 3}',
        '{"type": ["frame"]}',
        '{"type": "dance"}',
        '{"type": "stop"}',
        '{"type": "retry", "job": 3}',
        '{"type": "frame"}',
        '{"type": "frame", "counter": -1}',
        '{"type": "frame", "counter": 4294967296}',
        '{"type": "frame", "counter": true}',
        '{"type": "frame", "counter": 1}',
        '{"type": "frame", "counter": 1, "state": {"version": 1}}',
        json.dumps(frame(1, width=0)),
        json.dumps(frame(1, width=10**9)),
        json.dumps(frame(1, rest="yes")),
        json.dumps(frame(1, view=["photo"])),
        json.dumps(frame(1, face={"seed": float("inf")})),
    ],
)
def test_messages_that_make_no_sense(client: StudioClient, text: str) -> None:
    """One sentence, and the next message is answered."""
    with client.connect() as socket:
        socket.send_text(text)
        answer = socket.receive_json()
        assert answer["type"] == "failed" and answer["missing"] is None
        assert_is_one_sentence(answer["error"])
        assert answer_to(socket, frame(2))[1]


@pytest.mark.parametrize(
    ("content", "code"), [(b"\0", 1003), ("x" * (MAX_MESSAGE_BYTES + 1), 1009), ("é" * 600_000, 1009)]
)
def test_messages_that_close_the_connection(client: StudioClient, content: str | bytes, code: int) -> None:
    with client.connect() as socket:
        socket.send({"type": "websocket.receive", "bytes" if isinstance(content, bytes) else "text": content})
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
        assert caught.value.code == code and caught.value.reason


def test_a_fault_of_a_row_spoils_no_picture(client: StudioClient) -> None:
    with client.connect() as socket:
        facts, picture = answer_to(socket, frame(1, [{**MAPPER, "strength": "much"}]))
        assert picture and facts["rows"]["r1"]["error"]


def test_a_photo_that_is_gone(client: StudioClient) -> None:
    with client.connect() as socket:
        answer, _ = answer_to(socket, frame(1, face={"photo": {"sha256": "0" * 64, "name": "me.jpg"}}))
        assert answer["type"] == "failed" and answer["missing"] == "photo"


ANSWERS: list[tuple[Exception, dict[str, Any]]] = [
    (Busy("too many; try again"), {"type": "busy", "counter": 1}),
    (
        StudioError("no; yes", retry="k"),
        {"type": "failed", "counter": 1, "error": "no; yes", "missing": None, "retry": "k"},
    ),
]


@pytest.mark.parametrize(("error", "expected"), ANSWERS)
def test_errors_of_the_engine(
    client: StudioClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: dict[str, Any]
) -> None:
    failure_of(engine, monkeypatch, error)
    with client.connect() as socket:
        assert answer_to(socket, frame(1))[0] == expected


def test_an_unexpected_error_is_a_sentence(
    client: StudioClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failure_of(engine, monkeypatch, ZeroDivisionError("zero"))
    with client.connect() as socket:
        answer, _ = answer_to(socket, frame(1))
        assert answer["error"] == "ZeroDivisionError: zero; the terminal of the studio says more"
    assert "ZeroDivisionError: zero; set STYLECLIP_DEBUG=1" in caplog.text and "Traceback" in caplog.text


def test_a_superseded_frame_has_no_answer(
    client: StudioClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = threading.Event()

    def draw(*_: Any) -> None:
        drawn.set()
        raise Superseded("later")

    with monkeypatch.context() as patch, client.connect() as socket:
        patch.setattr(engine, "draw", draw)
        socket.send_json(frame(1))
        socket.send_json({"type": "nothing"})
        assert socket.receive_json()["counter"] is None
        assert drawn.wait(60)
        patch.undo()
        assert answer_to(socket, frame(2))[0]["counter"] == 2


def test_a_face_that_is_not_there_yet(client: StudioClient, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "draw", lambda *_: Pending({"key": "k"}))
    with client.connect() as socket:
        assert answer_to(socket, frame(1))[0] == {"type": "pending", "counter": 1, "job": {"key": "k"}}


def test_a_tab_that_goes_in_the_middle_leaves_nothing(
    client: StudioClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, started, goes_on, forgotten = engine.draw, threading.Event(), threading.Event(), threading.Event()
    forget = engine.forget

    def slow(*arguments: Any) -> Any:
        started.set()
        assert goes_on.wait(60)
        return draw(*arguments)

    monkeypatch.setattr(engine, "draw", slow)
    monkeypatch.setattr(engine, "forget", lambda tab: (forget(tab), forgotten.set()))
    with client.connect() as socket:
        socket.send_json(frame(1, [{**MAPPER, "kind": "text", "prompt": "a face with green eyes"}]))
        assert started.wait(60)
    assert forgotten.wait(60)
    goes_on.set()
    monkeypatch.undo()
    with client.connect() as socket:
        assert answer_to(socket, frame(1))[1]
    assert not client.app.state.tabs and not engine.jobs._callbacks  # type: ignore[attr-defined]


def test_too_many_tabs(client: StudioClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_TABS", 1)
    with client.connect() as first:
        with client.connect() as second, pytest.raises(WebSocketDisconnect) as caught:
            second.receive_json()
        assert caught.value.code == 1013
        assert answer_to(first, frame(1))[1]


def test_stop_and_retry_of_unknown_jobs_are_passed_over(client: StudioClient) -> None:
    with client.connect() as socket:
        socket.send_json({"type": "stop", "job": "none"})
        socket.send_json({"type": "retry", "job": "none"})
        assert answer_to(socket, frame(1))[1]


def test_progress_that_was_not_sent_is_replaced() -> None:
    async def take() -> list[tuple[str | bytes, ...]]:
        outbox = Outbox()
        outbox.put("1 of job", progress_of="job")
        outbox.put("facts", b"picture")
        outbox.put("1 of other", progress_of="other")
        outbox.put("2 of job", progress_of="job")
        return [await outbox.next() for _ in range(3)]

    assert asyncio.run(take()) == [("facts", b"picture"), ("1 of other",), ("2 of job",)]


def test_a_tab_that_reads_nothing_is_full() -> None:
    async def fill() -> list[bool]:
        outbox = Outbox()
        return [outbox.put("facts", b"picture") for _ in range(MAX_UNSENT + 1)]

    assert asyncio.run(fill()) == [True] * MAX_UNSENT + [False]
