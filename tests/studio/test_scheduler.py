"""The thread of the frames: the newest frame of a tab wins, owners take turns, and what is too much is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from styleclip.studio.requests import Busy, Superseded
from styleclip.studio.threads.device_lock import DeviceLock
from styleclip.studio.threads.scheduler import MAX_CALLS, Scheduler

SECONDS = 20


@contextmanager
def scheduler_at_work(max_owners: int = 64) -> Iterator[tuple[Scheduler, Callable[[], None]]]:
    """A scheduler whose thread is held until the function is called."""
    scheduler, started, hold = Scheduler(max_owners=max_owners), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        hold.wait(SECONDS)

    scheduler.call(work, "holder")
    assert started.wait(SECONDS)
    try:
        yield scheduler, hold.set
    finally:
        hold.set()
        scheduler.close()


def test_the_newest_frame_of_a_tab_wins() -> None:
    with scheduler_at_work() as (scheduler, release):
        frames = [scheduler.frame("tab", lambda i=i: i) for i in range(5)]
        release()
        assert frames[-1].result(SECONDS) == 4
        for frame in frames[:-1]:
            with pytest.raises(Superseded):
                frame.result(SECONDS)


def test_owners_take_turns() -> None:
    order: list[str] = []
    with scheduler_at_work() as (scheduler, release):
        calls = [scheduler.call(lambda i=i: order.append(f"a{i}"), "a") for i in range(3)]
        calls += [scheduler.call(lambda i=i: order.append(f"b{i}"), "b") for i in range(2)]
        calls.append(scheduler.frame("tab", lambda: order.append("frame")))
        release()
        for call in calls:
            call.result(SECONDS)
    assert order == ["a0", "b0", "frame", "a1", "b1", "a2"]


def test_a_flood_is_refused() -> None:
    with scheduler_at_work(max_owners=2) as (scheduler, release):
        calls = [scheduler.call(lambda: 1, "a") for _ in range(MAX_CALLS)]
        scheduler.frame("tab", lambda: 0)
        for refused in (scheduler.call(lambda: 2, "a"), scheduler.frame("other", lambda: 3)):
            with pytest.raises(Busy, match="try again"):
                refused.result(SECONDS)
        newest = scheduler.frame("tab", lambda: 4)
        release()
        assert [call.result(SECONDS) for call in calls] == [1] * MAX_CALLS
        assert newest.result(SECONDS) == 4


def test_errors_go_to_their_owner_and_a_closed_tab_is_dropped() -> None:
    with scheduler_at_work() as (scheduler, release):
        failing = scheduler.call(lambda: 1 / 0)
        dropped, cancelled = scheduler.frame("closed", lambda: 1), scheduler.frame("cancelled", lambda: 1)
        scheduler.forget("closed")
        assert cancelled.cancel()
        release()
        with pytest.raises(ZeroDivisionError):
            failing.result(SECONDS)
        with pytest.raises(Superseded):
            dropped.result(SECONDS)
        assert scheduler.frame("tab", lambda: 5).result(SECONDS) == 5


def test_nothing_runs_after_the_end() -> None:
    with scheduler_at_work() as (scheduler, release):
        waiting = scheduler.frame("tab", lambda: 1)
        threading.Thread(target=scheduler.close).start()
        with pytest.raises(Busy):
            waiting.result(SECONDS)
        release()
    with pytest.raises(Busy):
        scheduler.frame("tab", lambda: 1).result(SECONDS)


def test_frames_and_jobs_share_a_device() -> None:
    lock = DeviceLock(shared=False)
    inside, steps, frames = [0], 0, 0
    stop = threading.Event()

    def draw() -> None:
        nonlocal frames
        while not stop.is_set():
            with lock.frame():
                inside[0] += 1
                assert inside[0] == 1
                frames += 1
                inside[0] -= 1

    thread = threading.Thread(target=draw)
    with lock.job():
        thread.start()
        for _ in range(20):  # a step goes on although frames come without an end
            inside[0] += 1
            assert inside[0] == 1
            steps += 1
            inside[0] -= 1
            lock.give_way()
    stop.set()
    thread.join(SECONDS)
    assert steps == 20 and frames > 0 and not thread.is_alive()


def test_a_job_gets_its_turn_between_the_steps_of_another() -> None:
    lock, ended = DeviceLock(shared=False), threading.Event()

    def work() -> None:
        with lock.job():
            ended.set()

    thread = threading.Thread(target=work)
    with lock.job():
        thread.start()
        until = time.monotonic() + SECONDS
        while not ended.is_set() and time.monotonic() < until:
            lock.give_way()
        assert ended.is_set()
    thread.join(SECONDS)
