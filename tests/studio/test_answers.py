"""Clients of the studio's routes that go away: nobody's work is begun, and nothing waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from styleclip.progress import OnStep, Step
from styleclip.studio.threads.jobs import Jobs
from styleclip.studio.threads.scheduler import Scheduler
from styleclip.studio.web.answers import result_of, result_of_job
from styleclip.studio.web.uploads import BodyReader

DISCONNECT = {"type": "http.disconnect"}


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler()
    yield scheduler
    scheduler.close()


def request_with(*messages: dict[str, Any]) -> Request:
    """A request that receives these messages, and then nothing more."""
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        if message is None:
            await asyncio.Event().wait()
        assert message
        return message

    return Request({"type": "http", "method": "POST", "headers": []}, receive)  # type: ignore[arg-type]


def test_work_for_a_client_that_waits(scheduler: Scheduler) -> None:
    assert asyncio.run(result_of(request_with(), scheduler.call(lambda: 3))) == 3


def test_an_error_of_the_work_is_raised(scheduler: Scheduler) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(result_of(request_with(), scheduler.call(lambda: 1 // 0)))


def test_work_that_waits_is_dropped_with_its_client(scheduler: Scheduler) -> None:
    goes_on, begun = threading.Event(), threading.Event()
    first = scheduler.call(lambda: goes_on.wait(60))
    dropped: Future[None] = scheduler.call(begun.set)
    with pytest.raises(ClientDisconnect):
        asyncio.run(result_of(request_with(DISCONNECT), dropped))
    goes_on.set()
    assert first.result(60) and scheduler.call(lambda: 4).result(60) == 4
    assert dropped.cancelled() and not begun.is_set()


def test_work_that_runs_is_left_to_its_end(scheduler: Scheduler) -> None:
    goes_on, begun = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        assert goes_on.wait(60)
        return 5

    future = scheduler.call(work)
    assert begun.wait(60)
    with pytest.raises(ClientDisconnect):
        asyncio.run(result_of(request_with(DISCONNECT), future))
    goes_on.set()
    assert future.result(60) == 5


def test_a_job_ends_with_its_client() -> None:
    jobs, begun, goes_on, ended = Jobs(), threading.Event(), threading.Event(), threading.Event()

    async def receive() -> dict[str, Any]:
        await asyncio.to_thread(begun.wait, 60)
        return DISCONNECT

    def work(on_step: OnStep) -> None:
        begun.set()
        assert goes_on.wait(60)
        try:
            on_step(Step(1, 2))
        except KeyboardInterrupt:
            ended.set()
            raise

    with pytest.raises(ClientDisconnect):
        asyncio.run(result_of_job(Request({"type": "http"}, receive), jobs, "working", work))
    goes_on.set()
    assert jobs.run("adding", lambda on_step: 3).result(60) == 3
    jobs.close()
    assert ended.is_set()


def test_a_client_that_goes_in_the_middle_of_an_upload() -> None:
    half = {"type": "http.request", "body": b"half", "more_body": True}
    with pytest.raises(ClientDisconnect):
        asyncio.run(BodyReader().read(request_with(half, DISCONNECT), 100))
