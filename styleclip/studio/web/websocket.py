"""The websocket of a tab: states come, pictures and the progress of jobs go. The messages are in docs/studio.md."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import struct
from collections import deque
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from styleclip.errors import StyleClipError, UsageError
from styleclip.studio.engine import Engine
from styleclip.studio.requests import Busy, FrameRequest, Pending, StudioError, Superseded
from styleclip.studio.sessions import Session
from styleclip.studio.states.json_values import parse_object, read_flag, read_text, read_whole, shown
from styleclip.studio.states.read_state import read_state

MAX_MESSAGE_BYTES = 1 << 20
MAX_TABS = 64  # of all browsers
MAX_UNSENT = 64  # messages to a tab that reads none
MAX_COUNTER = 2**32 - 1
MAX_WIDTH = 8192  # px of a canvas
MAX_KEY_CHARS = 200
VIEWS = ("frame", "photo")
POLICY_VIOLATION, UNSUPPORTED, TOO_LARGE, TRY_AGAIN_LATER = 1008, 1003, 1009, 1013  # close codes of RFC 6455

Message = str | bytes
log = logging.getLogger("styleclip.studio")


class Outbox:
    """Messages to a tab in their order. Progress that has not been sent is replaced by newer progress of the job."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, tuple[Message, ...]]] = deque()
        self._filled = asyncio.Event()

    def put(self, *messages: Message, progress_of: str = "") -> bool:
        """Add messages that belong together; False where the tab has too many unread."""
        if progress_of:
            self._waiting = deque(each for each in self._waiting if each[0] != progress_of)
        self._waiting.append((progress_of, messages))
        self._filled.set()
        return len(self._waiting) <= MAX_UNSENT

    async def next(self) -> tuple[Message, ...]:
        """The first messages, once there are any."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popleft()[1]


class Tab:
    """One websocket: a task that reads it, one that writes, and one for every frame that is being drawn."""

    def __init__(self, socket: WebSocket, engine: Engine, session: Session) -> None:
        self.socket, self.engine, self.session = socket, engine, session
        self.key = secrets.token_hex(8)
        self.outbox = Outbox()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve the tab until it goes away; nothing of it is left then."""
        await self.socket.accept()
        self._start(self._write())
        with self.session.connected():
            self.engine.jobs.subscribe(self.key, self._hear)
            try:
                await self._read()
            except (WebSocketDisconnect, OSError):
                pass
            finally:
                self.engine.forget(self.key)
                for task in self._tasks:
                    task.cancel()

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        while (message := await self.socket.receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is None:
                await self._close(UNSUPPORTED, "the studio reads text messages only")
                return
            if len(text) > MAX_MESSAGE_BYTES or len(text.encode(errors="replace")) > MAX_MESSAGE_BYTES:
                await self._close(TOO_LARGE, "the message has more than 1 MiB")
                return
            self._take(text)

    async def _write(self) -> None:
        try:
            while True:
                for message in await self.outbox.next():
                    if isinstance(message, str):
                        await self.socket.send_text(message)
                    else:
                        await self.socket.send_bytes(message)
        except (WebSocketDisconnect, OSError, RuntimeError):  # the tab is gone, which `_read` hears as well
            return

    def _take(self, text: str) -> None:
        """Begin what one message asks for. What makes no sense is answered by a sentence."""
        counter: int | None = None
        try:
            message = parse_object(text, "the message")
            match message.get("type"):
                case "frame":
                    counter = read_whole(message.get("counter"), "the counter", 0, MAX_COUNTER)
                    self._start(self._draw(counter, read_frame(message)))
                case "stop":
                    self.engine.jobs.stop(self.key, read_text(message.get("job"), "the job", MAX_KEY_CHARS))
                case "retry":
                    self.engine.jobs.retry(self.key, read_text(message.get("job"), "the job", MAX_KEY_CHARS))
                case kind:
                    raise UsageError(f"the type of the message is {shown(kind)}; it must be frame, stop or retry")
        except StyleClipError as error:
            self._send({"type": "failed", "counter": counter, "error": str(error), "missing": None})

    async def _draw(self, counter: int, request: FrameRequest) -> None:
        """Answer one frame message."""
        try:
            drawn = await asyncio.wrap_future(self.engine.frame(self.key, request, self.session))
        except Superseded:
            return
        except Busy:
            self._send({"type": "busy", "counter": counter})
        except Exception as error:
            self._send({"type": "failed", "counter": counter, **failure(error)})
        else:
            if isinstance(drawn, Pending):
                self._send({"type": "pending", "counter": counter, "job": drawn.job})
            else:
                facts = {"type": "facts", "counter": counter, "rest": request.rest, **drawn.facts}
                self._send(facts, struct.pack(">I", counter) + drawn.picture)

    def _hear(self, message: dict[str, Any]) -> None:
        """Take a message about a job, in the thread of the job."""
        progress = f"progress of {message['job']['key']}" if message["type"] == "progress" else ""
        self._loop.call_soon_threadsafe(lambda: self._send(message, progress_of=progress))

    def _send(self, message: dict[str, Any], *more: bytes, progress_of: str = "") -> None:
        if not self.outbox.put(json.dumps(message), *more, progress_of=progress_of):
            self._start(self._close(POLICY_VIOLATION, "the page reads no answers"))

    async def _close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, OSError, RuntimeError):  # it is closed already
            await self.socket.close(code, reason)


def read_frame(message: dict[str, Any]) -> FrameRequest:
    """The frame that a message asks for; raises UsageError."""
    view = message.get("view", "frame")
    if view not in VIEWS:
        raise UsageError(f"there is no view {shown(view)}; choose {' or '.join(VIEWS)}")
    return FrameRequest(
        read_state(message.get("state")),
        read_flag(message.get("rest", False), "rest"),
        read_whole(message.get("width", 512), "the width", 1, MAX_WIDTH),
        view,
        read_flag(message.get("source", False), "source"),
    )


def failure(error: Exception) -> dict[str, Any]:
    """The sentence of an error, and what the page can do about it."""
    if isinstance(error, StudioError):
        return {"error": str(error), "missing": error.missing, **({"retry": error.retry} if error.retry else {})}
    return {"error": sentence_of(error), "missing": None}


def sentence_of(error: Exception) -> str:
    """The sentence of an error of the library; any other is logged, and a sentence says where."""
    if isinstance(error, StyleClipError):
        return str(error)
    told = f"{type(error).__name__}: {' '.join(str(error).split())[:200] or 'no message'}"
    log.error("%s; set STYLECLIP_DEBUG=1 for the traceback", told, exc_info=error)
    return f"{told}; the terminal of the studio says more"


async def serve_tab(socket: WebSocket) -> None:
    """The route /ws."""
    tabs: set[str] = socket.app.state.tabs
    engine: Engine = socket.app.state.engine
    if len(tabs) >= MAX_TABS:
        await socket.accept()
        await socket.close(TRY_AGAIN_LATER, f"the studio has {MAX_TABS} open tabs; close one of them")
        return
    tab = Tab(socket, engine, engine.sessions.get(socket.state.session))
    tabs.add(tab.key)
    try:
        await tab.run()
    finally:
        tabs.discard(tab.key)
