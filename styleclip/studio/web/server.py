"""The studio as an ASGI app: the page, its websocket, and the routes below /api."""

from __future__ import annotations

import asyncio
import mimetypes
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from styleclip.studio.engine import Engine
from styleclip.studio.sessions import Upload
from styleclip.studio.web.about import about
from styleclip.studio.web.export_routes import EXPORT_ROUTES
from styleclip.studio.web.model_routes import MODEL_ROUTES, FirstPhoto
from styleclip.studio.web.security import OWN_COMPUTER, Access, Guard, SecurityHeaders, error_response
from styleclip.studio.web.upload_routes import UPLOAD_ROUTES
from styleclip.studio.web.uploads import BodyReader
from styleclip.studio.web.websocket import serve_tab

STATIC = Path(__file__).parents[1] / "static"
MIMETYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
IDLE_CHECK_SECONDS = 300.0
CLOSE_SECONDS = 5.0  # for the step that a job is at
REVALIDATE = {"Cache-Control": "no-cache"}  # so that an update is seen; what has not changed is not sent again


def create_app(engine: Engine, access: Access = OWN_COMPUTER, photo: Upload | None = None) -> Starlette:
    """The studio of an engine, which is closed with the app.

    Args:
        engine: the models and the work with them.
        access: who may use the studio.
        photo: the photo that the first page begins with.

    Example:
        app = create_app(Engine(styleclip.load("demo"), "demo"), Access(token=secrets.token_urlsafe(32)))
    """
    for suffix, kind in MIMETYPES.items():  # the tables of some systems say otherwise, and browsers run no such script
        mimetypes.add_type(kind, suffix)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        timer = asyncio.create_task(free_idle_sessions(engine))
        yield
        timer.cancel()
        closing = threading.Thread(target=engine.close, name="studio close", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)
        app.state.is_closed = not closing.is_alive()

    guarded = [Route("/", page), *MODEL_ROUTES, *UPLOAD_ROUTES, *EXPORT_ROUTES, WebSocketRoute("/ws", serve_tab)]
    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Mount("/static", Static(directory=STATIC)),
            Mount("", routes=guarded, middleware=[Middleware(Guard, access=access)]),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: no_route},
        lifespan=lifespan,
    )
    app.state.engine, app.state.about, app.state.photo = engine, about(engine), FirstPhoto(photo)
    app.state.bodies, app.state.tabs, app.state.is_closed = BodyReader(), set(), False
    return app


class Static(StaticFiles):
    """The files of the page."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers.update(REVALIDATE)
        return response


async def free_idle_sessions(engine: Engine) -> None:
    """Free the sessions of browsers that have gone, also where nobody else comes."""
    while True:
        await asyncio.sleep(IDLE_CHECK_SECONDS)
        engine.sessions.free_idle()


async def page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers=REVALIDATE)


async def healthz(request: Request) -> Response:
    return PlainTextResponse("ok")


async def no_route(request: Request, error: Exception) -> Response:
    """The sentence of a path or method that the studio has not."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return error_response(error.status_code, "this address takes another method; reload the page")
    return error_response(error.status_code, "there is nothing at this address; open the studio's first page")
