"""The routes that tell of the models: GET /api/about, /api/directions and /api/thumbnail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from styleclip.studio.sessions import Session, Upload
from styleclip.studio.states.read_state import read_child, read_face
from styleclip.studio.states.state import ChildChoice, Sample
from styleclip.studio.web.about import SAMPLE_PX
from styleclip.studio.web.answers import NO_STORE, engine_of, json_answer, result_of, sentences, session_of


class FirstPhoto:
    """The photo that the studio was started with. It belongs to the first session that asks."""

    def __init__(self, upload: Upload | None) -> None:
        self.upload, self._owner = upload, ""

    def claim(self, session: Session) -> dict[str, object]:
        """The photo for the page to begin with, the first time; {} from then on."""
        if self.upload is None or self._owner not in ("", session.id):
            return {}
        session.uploads.put(self.upload)
        is_first, self._owner = not self._owner, session.id
        return {"photo": self.upload.value.record()} if is_first else {}


@sentences
async def get_about(request: Request) -> Response:
    """The models, their limits and children; once also the photo that the studio was started with."""
    children = await asyncio.to_thread(engine_of(request).children.find_all)
    now = {"children": [child.record() for child in children]}
    return json_answer({**request.app.state.about, **now, **request.app.state.photo.claim(session_of(request))})


@sentences
async def get_directions(request: Request) -> Response:
    """The directions of the library and of the catalog as they are now."""
    directions = engine_of(request).drawer.rows.directions
    return json_answer({"directions": await asyncio.to_thread(directions.records)})


@sentences
async def get_thumbnail(request: Request) -> Response:
    query = request.query_params
    face = read_face({name: number_in(query[name]) for name in ("seed", "psi") if name in query})
    assert isinstance(face, Sample)
    child = _child_in(query)
    engine = engine_of(request)
    content = await result_of(request, engine.scheduler.call(lambda: engine.thumbnail(face, SAMPLE_PX, child)))
    return Response(content, media_type="image/jpeg", headers=NO_STORE)


def _child_in(query: Mapping[str, str]) -> ChildChoice | None:
    """The child of a query; raises UsageError."""
    if "child" not in query:
        return None
    amount, layers = number_in(query.get("amount", "1")), query.get("parent_layers", "")
    return read_child({"name": "child", "sha256": query["child"], "amount": amount, "parent_layers": layers})


def number_in(text: str) -> int | float | str:
    """The number that a text is; the text itself where it is none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


MODEL_ROUTES = [
    Route("/api/about", get_about),
    Route("/api/directions", get_directions),
    Route("/api/thumbnail", get_thumbnail),
]
