"""The routes that take files: photos, directions and mappers, and pictures that restore a state."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from styleclip.studio.drawing.directions import FileDirections
from styleclip.studio.drawing.pictures import SMALL, jpeg_bytes
from styleclip.studio.sessions import Upload
from styleclip.studio.states.restore import restore
from styleclip.studio.web.answers import engine_of, json_answer, result_of, sentences, session_of
from styleclip.studio.web.security import Refusal
from styleclip.studio.web.uploads import MAX_FILE_BYTES, MAX_PHOTO_BYTES, BodyReader, client_name, read_file_upload

PRIVATE_HOUR = {"Cache-Control": "private, max-age=3600"}  # a hash names one photo


@sentences
async def post_photo(request: Request) -> Response:
    """Keep a photo in the session, and tell of its faces."""
    data = await bodies_of(request).read(request, MAX_PHOTO_BYTES)
    name = client_name(request, "photo")
    photo = await result_of(request, engine_of(request).finder.submit(data, name))
    engine_of(request).sessions.keep(session_of(request), Upload(photo.sha256, name, "photo", data, photo))
    return json_answer(photo.record())


@sentences
async def get_photo(request: Request) -> Response:
    """A small copy of a photo of the session."""
    upload = session_of(request).uploads.get(request.path_params["sha256"])
    if upload is None or upload.kind != "photo":
        raise Refusal(HTTPStatus.NOT_FOUND, "this photo is no longer here; choose it again")
    content = await asyncio.to_thread(jpeg_bytes, upload.value.preview, **SMALL)
    return Response(content, media_type="image/jpeg", headers=PRIVATE_HOUR)


@sentences
async def post_file(request: Request) -> Response:
    """Keep a direction or a mapper in the session."""
    data = await bodies_of(request).read(request, MAX_FILE_BYTES)
    name, engine, session = client_name(request, "file.safetensors"), engine_of(request), session_of(request)
    work = engine.scheduler.call(lambda: read_file_upload(engine.models, data, name), owner=session.id)
    upload = await result_of(request, work)
    engine.sessions.keep(session, upload)
    told = {"sha256": upload.sha256, "name": name, "kind": upload.kind}
    if isinstance(upload.value, FileDirections):
        return json_answer({**told, "directions": upload.value.records(engine.models)})
    return json_answer({**told, "prompt": upload.value.prompt.target if upload.value.prompt else None})


@sentences
async def post_restore(request: Request) -> Response:
    """The state in a picture of ours."""
    data = await bodies_of(request).read(request, MAX_FILE_BYTES)
    state = await asyncio.to_thread(restore, data)
    return json_answer({"state": state.record()})


def bodies_of(request: Request) -> BodyReader:
    bodies: BodyReader = request.app.state.bodies
    return bodies


UPLOAD_ROUTES = [
    Route("/api/photos", post_photo, methods=["POST"]),
    Route("/api/photos/{sha256}", get_photo),
    Route("/api/files", post_file, methods=["POST"]),
    Route("/api/restore", post_restore, methods=["POST"]),
]
