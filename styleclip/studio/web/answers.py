"""What the routes of the studio share: errors as JSON sentences, and work of other threads that is waited for."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from styleclip.errors import StyleClipError
from styleclip.progress import OnStep, Step
from styleclip.studio.engine import Engine
from styleclip.studio.requests import Busy
from styleclip.studio.sessions import Session
from styleclip.studio.threads.jobs import Jobs
from styleclip.studio.web.security import Refusal, error_response
from styleclip.studio.web.websocket import sentence_of

Result = TypeVar("Result")
Endpoint = Callable[[Request], Awaitable[Response]]
NO_STORE = {"Cache-Control": "no-store"}
CLOSED_REQUEST = 499  # nginx's status for a client that went away


def sentences(endpoint: Endpoint) -> Endpoint:
    """The endpoint with every error as a JSON sentence and its status."""

    @functools.wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            return error_response(refusal.status, refusal.sentence)
        except ClientDisconnect:
            return Response(status_code=CLOSED_REQUEST)
        except Busy as error:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except StyleClipError as error:
            return error_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except Exception as error:
            return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, sentence_of(error))

    return answer


async def result_of(request: Request, future: Future[Result]) -> Result:
    """The result of work in another thread. Raises ClientDisconnect, and drops work that waits, where nobody waits."""
    outcome = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait((outcome, gone), return_when=asyncio.FIRST_COMPLETED)
        if not outcome.done():
            raise ClientDisconnect
        return await outcome
    finally:
        gone.cancel()
        outcome.cancel()


async def result_of_job(request: Request, jobs: Jobs, what: str, work: Callable[[OnStep], Result]) -> Result:
    """The result of a job, which ends with its next step where the client goes away. Raises as `result_of`."""
    is_over = threading.Event()

    def stoppable(on_step: OnStep) -> Result:
        def report(step: Step) -> None:
            if is_over.is_set():
                raise KeyboardInterrupt
            on_step(step)

        return work(report)

    try:
        return await result_of(request, jobs.run(what, stoppable))
    finally:
        is_over.set()


async def _disconnect(request: Request) -> None:
    """Return when the client goes away; the body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def json_answer(content: Any) -> JSONResponse:
    return JSONResponse(content, headers=NO_STORE)


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def session_of(request: Request) -> Session:
    """The session whose cookie came with the request."""
    return engine_of(request).sessions.get(request.state.session)
