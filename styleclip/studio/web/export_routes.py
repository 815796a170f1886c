"""The route that makes files and lines of a state: POST /api/export."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from styleclip.errors import UsageError
from styleclip.studio.exports.command import command_of
from styleclip.studio.exports.export import EXPORTS, Export, ExportedFile, mask_file, state_file
from styleclip.studio.exports.python import python_of
from styleclip.studio.states.json_values import parse_object, read_text, shown
from styleclip.studio.states.read_state import read_state
from styleclip.studio.states.state import LIMITS, State
from styleclip.studio.web.answers import (
    NO_STORE,
    engine_of,
    json_answer,
    result_of,
    result_of_job,
    sentences,
    session_of,
)
from styleclip.studio.web.upload_routes import bodies_of
from styleclip.studio.web.uploads import MAX_STATE_BYTES

LINES = {"command": command_of, "python": python_of}
LONG = {
    "strip": "drawing the strip",
    "video": "drawing the video",
    "photo": "pasting the photo",
}  # what is done, where that takes seconds
MAX_WORD_CHARS = 20  # of an export or a format


@sentences
async def post_export(request: Request) -> Response:
    """A file as an attachment; for lines JSON with the text, and the names of the files that they read."""
    body = parse_object(await bodies_of(request).read(request, MAX_STATE_BYTES), "the request")
    what = read_text(body.get("what"), "the export", MAX_WORD_CHARS)
    state, engine = read_state(body.get("state")), engine_of(request)
    if what in LINES:
        recipe = await result_of(request, engine.scheduler.call(lambda: LINES[what](engine, state)))
        return json_answer({"text": recipe.text, "files": recipe.files})
    if what == "state":
        return attachment(state_file(state))
    if what == "mask":
        size = engine.models.generator.image_size
        return attachment(await result_of(request, engine.scheduler.call(lambda: mask_file(state, size))))
    if what not in EXPORTS:
        raise UsageError(f"there is no export {shown(what)}; choose {', '.join((*EXPORTS, 'mask', 'state', *LINES))}")
    return attachment(await make_file(request, state, read_export(what, body)))


async def make_file(request: Request, state: State, export: Export) -> ExportedFile:
    """Find the edit in the thread of frames, then draw there what is quick, and the rest as a job."""
    engine, session = engine_of(request), session_of(request)
    edit = await result_of(request, engine.scheduler.call(lambda: engine.edit_of(state, session), session.id))
    if what := LONG.get(export.what):
        return await result_of_job(request, engine.jobs, what, lambda on_step: export.make(state, edit, on_step))
    return await result_of(request, engine.scheduler.call(lambda: export.make(state, edit), session.id))


def read_export(what: str, body: dict[str, Any]) -> Export:
    """The export that a request asks for; raises UsageError."""
    row, form = body.get("row"), body.get("format")
    return Export(
        what,
        None if row is None else read_text(row, "the row", int(LIMITS["name"])),
        None if form is None else read_text(form, "the format", MAX_WORD_CHARS),
    )


def attachment(file: ExportedFile) -> Response:
    """A file to download under its name."""
    disposition = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
    return Response(file.content, media_type=file.media_type, headers={"Content-Disposition": disposition, **NO_STORE})


EXPORT_ROUTES = [Route("/api/export", post_export, methods=["POST"])]
