"""A browser of the studio without a browser: requests to the app in this process, with its cookies and its origin."""

from __future__ import annotations

import struct
from typing import Any
from urllib.parse import quote

from httpx2 import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession

HOST = "127.0.0.1:8765"
ORIGIN = f"http://{HOST}"


class StudioClient(TestClient):
    """Requests as the page sends them; used as a context manager it runs the app's start and end."""

    def __init__(self, app: Starlette, **options: Any) -> None:
        super().__init__(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False, **options)

    def connect(self) -> WebSocketTestSession:
        return self.websocket_connect(f"ws://{HOST}/ws")

    def upload(self, path: str, content: bytes, name: str) -> Response:
        return self.post(path, content=content, headers={"X-Name": quote(name)})


def frame(counter: int, rows: list[dict[str, Any]] | None = None, face: Any = None, **values: Any) -> dict[str, Any]:
    """A frame message."""
    state = {"version": 1, "model": None, "face": face or {"seed": 3}, "rows": rows or [], "strokes": []}
    return {"type": "frame", "counter": counter, "state": state, "rest": False, "width": 64, **values}


def answer_to(socket: WebSocketTestSession, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The facts of a picture and its bytes, or another answer and b""; news of jobs is passed over."""
    socket.send_json(message)
    while (answer := socket.receive_json())["type"] in ("progress", "done"):
        continue
    if answer["type"] != "facts":
        return answer, b""
    content = socket.receive_bytes()
    assert struct.unpack_from(">I", content) == (message["counter"],)
    return answer, content[4:]


def sentence_in(response: Response) -> str:
    """The only thing that an error says."""
    answer = response.json()
    assert list(answer) == ["error"], answer
    return str(answer["error"])
