"""A tab of the studio without a browser: it sends states over the websocket and receives pictures."""

from __future__ import annotations

import json
import math
import statistics
import struct
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.client import ClientConnection, connect

COUNTER = struct.Struct("!I")
ANSWERS = ("facts", "pending", "failed", "busy")
WIDTH = 512  # px of the canvas
PROMPTS = ("a face with red hair", "a smiling face", "a face with glasses", "an old face")


@dataclass(frozen=True)
class Answer:
    """What the server answers to one frame message."""

    facts: dict[str, Any]
    picture: bytes  # a JPEG or PNG; empty unless the answer is a picture
    seconds: float

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The work that this picture is drawn without."""
        own = [self.facts["job"]] if "job" in self.facts else []
        return own + [row["job"] for row in self.facts.get("rows", {}).values() if "job" in row]


@dataclass
class Tab:
    """One connection; one message is in flight at a time."""

    connection: ClientConnection
    counter: int = 0
    ended: set[str] = field(default_factory=set)  # keys of jobs

    def draw(self, state: dict[str, Any], rest: bool = False, width: int = WIDTH) -> Answer:
        self.counter += 1
        message = {"type": "frame", "counter": self.counter, "state": state, "rest": rest, "width": width}
        started = time.perf_counter()
        self.connection.send(json.dumps({**message, "view": "frame"}))
        facts = self._read(ANSWERS)
        assert facts["counter"] == self.counter, facts
        picture = b""
        if facts["type"] == "facts":
            content = self.connection.recv()
            assert isinstance(content, bytes) and COUNTER.unpack_from(content) == (self.counter,), facts
            picture = content[COUNTER.size :]
        return Answer(facts, picture, time.perf_counter() - started)

    def draw_whole(self, state: dict[str, Any], rest: bool = False, width: int = WIDTH) -> Answer:
        """The picture with every row, after the jobs that it needs."""
        while (answer := self.draw(state, rest, width)).jobs or not answer.picture:
            assert answer.facts["type"] in ("facts", "pending"), answer.facts
            keys = {job["key"] for job in answer.jobs}
            while not self.ended & keys:
                self.ended.add(self._read(("done",))["key"])
            self.ended -= keys
        return answer

    def _read(self, types: Sequence[str]) -> dict[str, Any]:
        """The next message of one of these types; progress is passed over."""
        while True:
            content = self.connection.recv()
            assert isinstance(content, str), "a picture came without its facts"
            message: dict[str, Any] = json.loads(content)
            if message["type"] in types:
                return message
            if message["type"] == "done":
                self.ended.add(message["key"])
            assert message["type"] in ("progress", "done"), message


@contextmanager
def open_tab(url: str) -> Iterator[Tab]:
    """A tab of a session of its own."""
    origin = "/".join(url.split("/")[:3])
    with urllib.request.urlopen(url) as page:
        cookies = [value.partition(";")[0] for value in page.headers.get_all("Set-Cookie") or []]
    headers = {"Cookie": "; ".join(cookies)} if cookies else {}
    address = f"{origin.replace('http', 'ws', 1)}/ws"
    with connect(address, origin=origin, additional_headers=headers, max_size=None) as connection:  # type: ignore[arg-type]
        yield Tab(connection)


def text_row(name: str, prompt: str, strength: float) -> dict[str, Any]:
    return {"id": name, "kind": "text", "on": True, "strength": strength, "prompt": prompt}


def state_of(seed: int, rows: Sequence[dict[str, Any]], psi: float = 1.0) -> dict[str, Any]:
    return {"version": 1, "model": None, "face": {"seed": seed, "psi": psi}, "rows": list(rows), "strokes": []}


def lag(seconds: Sequence[float], taken: float) -> dict[str, float]:
    """Frames per second, and the median and 95th percentile of the seconds of a frame."""
    return {
        "per_second": len(seconds) / taken,
        "median": statistics.median(seconds),
        "p95": percentile(seconds, 0.95),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is no less than this share of all values."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
