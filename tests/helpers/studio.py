"""States of the studio and their pictures, for tests of its engine."""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np
from PIL import Image

from styleclip.studio.engine import Engine
from styleclip.studio.requests import Drawn, FrameRequest
from styleclip.studio.sessions import Session
from styleclip.studio.states.read_state import read_state
from styleclip.studio.states.state import State

RED, OLD = "a face with red hair", "an old face"
SECONDS = 60  # for a job


def row(prompt: str, strength: float | None = 1.0, **values: Any) -> dict[str, Any]:
    """A row of a text."""
    return {"id": prompt, "kind": "text", "on": True, "strength": strength, "prompt": prompt, **values}


def state_of(rows: list[dict[str, Any]], seed: int = 3, **values: Any) -> State:
    """A state with these rows."""
    return read_state({"version": 1, "face": {"seed": seed}, "rows": rows, **values})


def draw_state(engine: Engine, state: State, session: Session | None = None, tab: str = "tab", **request: Any) -> Drawn:
    """The picture of a state once its jobs have ended; its errors are in the facts."""
    ended = threading.Event()
    engine.jobs.subscribe(tab, lambda message: ended.set() if message["type"] != "progress" else None)
    session = session or engine.sessions.get("browser")
    while True:
        ended.clear()
        drawn = engine.frame(tab, FrameRequest(state, **request), session).result(SECONDS)
        if isinstance(drawn, Drawn) and not any("job" in facts for facts in drawn.facts["rows"].values()):
            return drawn
        assert ended.wait(SECONDS), drawn


def draw(engine: Engine, rows: list[dict[str, Any]], seed: int = 3, **request: Any) -> Drawn:
    """The picture of a face with these rows."""
    return draw_state(engine, state_of(rows, seed), **request)


def pixels(picture: bytes) -> np.ndarray:
    """[H, W, 3] of a picture's file, as whole numbers that can be subtracted."""
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)
