"""Long work of the studio: shared by tabs, told to those that need it, stopped, failed, and asked for again."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from styleclip.errors import UsageError
from styleclip.progress import OnStep, Step
from styleclip.studio.drawing.needs import Needs
from styleclip.studio.requests import Busy, StudioError
from styleclip.studio.threads.jobs import MAX_WAITING, Jobs
from styleclip.studio.threads.tasks import Job, Task

SECONDS = 20


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


class Tab:
    """A tab that keeps the messages it gets."""

    def __init__(self, jobs: Jobs, name: str) -> None:
        self.name, self.messages = name, queue.Queue[dict[str, Any]]()
        jobs.subscribe(name, self.messages.put)

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of a type; others are passed over."""
        while (message := self.messages.get(timeout=SECONDS))["type"] != kind:
            pass
        return message


class Work:
    """Work of many steps that is held until `release`."""

    def __init__(self, key: str = "key", lane: Any = "short") -> None:
        self.started, self.released, self.runs = threading.Event(), threading.Event(), 0
        self.task = Task(key, "working", self, lane)

    def __call__(self, on_step: OnStep) -> str:
        self.runs += 1
        on_step(Step(1, 3, stage="begin"))
        self.started.set()
        self.released.wait(SECONDS)
        on_step(Step(3, 3, stage="end"))
        return f"value {self.runs}"


def test_tabs_take_turns(jobs: Jobs) -> None:
    """Many jobs of one tab do not hold up the job of another, nor an export."""
    order: list[str] = []
    done = threading.Event()

    def task(key: str) -> Task:
        def work(on_step: OnStep) -> str:
            order.append(key)
            if len(order) == 6:
                done.set()
            return key

        return Task(key, "working", work)

    held = Work("held")
    jobs.request("many", held.task)
    assert held.started.wait(SECONDS)
    for tab, key in [("many", "1"), ("many", "2"), ("many", "3"), ("other", "4"), ("other", "5")]:
        jobs.request(tab, task(key))
    jobs.run("exporting", task("export").work, "short")
    held.released.set()
    assert done.wait(SECONDS)
    assert order == ["4", "export", "1", "5", "2", "3"]


def test_two_tabs_share_a_job_and_its_value(jobs: Jobs) -> None:
    tabs, work = [Tab(jobs, "a"), Tab(jobs, "b")], Work()
    for tab in tabs:
        job = jobs.request(tab.name, work.task)
        assert isinstance(job, Job) and job.record["what"] == "working"
        assert work.started.wait(SECONDS)
    work.released.set()
    for tab in tabs:
        assert tab.next("progress")["job"]["total"] == 3
        assert tab.next("done") == {"type": "done", "key": "key"}
        assert jobs.request(tab.name, work.task) == "value 1"
    assert work.runs == 1


def test_a_tab_hears_nothing_of_what_it_does_not_need(jobs: Jobs) -> None:
    stranger, tab = Tab(jobs, "stranger"), Tab(jobs, "tab")
    jobs.request("tab", Task("key", "adding", lambda on_step: 3))
    tab.next("done")
    assert stranger.messages.empty()


def test_stop_ends_the_work_and_is_remembered_until_it_is_asked_for_again(jobs: Jobs) -> None:
    tab, work = Tab(jobs, "tab"), Work()
    jobs.request("tab", work.task)
    assert work.started.wait(SECONDS)
    jobs.stop("tab", "key")
    assert tab.next("stopped")["key"] == "key"
    work.released.set()
    with pytest.raises(StudioError, match="start it again") as caught:
        jobs.request("tab", work.task)
    assert caught.value.retry == "key"
    jobs.retry("tab", "key")
    assert isinstance(jobs.request("tab", work.task), Job)
    tab.next("done")
    assert jobs.request("tab", work.task) == "value 2"


def test_stop_of_one_tab_leaves_the_job_to_others(jobs: Jobs) -> None:
    tabs, work = [Tab(jobs, "a"), Tab(jobs, "b")], Work()
    for tab in tabs:
        jobs.request(tab.name, work.task)
    jobs.stop("a", "key")
    jobs.stop("stranger", "key")
    assert work.started.wait(SECONDS)
    work.released.set()
    tabs[1].next("done")
    assert jobs.request("b", work.task) == "value 1"


def test_a_job_that_an_export_needs_as_well_is_stopped_by_its_tab(jobs: Jobs) -> None:
    tab, work = Tab(jobs, "tab"), Work()
    jobs.request("tab", work.task)
    assert work.started.wait(SECONDS)
    job = jobs.request(None, work.task)
    jobs.stop("tab", "key")
    assert tab.next("stopped")["key"] == "key" and job.stopped
    with pytest.raises(StudioError, match="start it again"):
        jobs.request(None, work.task)
    work.released.set()


def test_failures_are_sentences_and_are_not_tried_again_by_themselves(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    tab, runs = Tab(jobs, "tab"), [0]

    def fail(on_step: OnStep) -> None:
        runs[0] += 1
        raise UsageError("say it in words") if runs[0] == 1 else RuntimeError("a bug")

    task = Task("key", "failing", fail)
    jobs.request("tab", task)
    assert tab.next("job_failed") == {"type": "job_failed", "key": "key", "error": "say it in words"}
    with pytest.raises(StudioError, match="say it in words") as caught:
        jobs.request("tab", task)
    assert caught.value.retry is None and runs == [1]
    jobs.retry("tab", "key")
    jobs.request("tab", task)
    assert "a bug" not in tab.next("job_failed")["error"]
    assert "a bug" in caplog.text
    with pytest.raises(StudioError, match="this failed for a reason") as caught:
        jobs.request("tab", task)
    assert caught.value.retry == "key" and runs == [2]


def test_a_tab_that_cannot_be_told_leaves_the_thread_to_others(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    def fail(message: dict[str, Any]) -> None:
        raise RuntimeError("the loop is closed")

    jobs.subscribe("gone", fail)
    jobs.request("gone", Task("key", "adding", lambda on_step: 3))
    assert jobs.run("adding", lambda on_step: 4, "short").result(SECONDS) == 4
    assert jobs.request("gone", Task("key", "adding", lambda on_step: 5)) == 3
    assert "cannot be told of adding" in caplog.text


def test_waiting_jobs_that_nobody_needs_are_dropped(jobs: Jobs) -> None:
    tab, first = Tab(jobs, "tab"), Work("first")
    later = [Work(f"later {i}") for i in range(3)]
    for work in (first, *later):
        work.released.set() if work is not first else None
        jobs.request("tab", work.task)
    assert first.started.wait(SECONDS)
    jobs.keep_needs("tab", ["first", "later 2"])
    first.released.set()
    assert [tab.next("done")["key"] for _ in range(2)] == ["first", "later 2"]
    assert [work.runs for work in later] == [0, 0, 1]


def test_needs_beside_others_are_told_to_the_tab_whose_jobs_go_on(jobs: Jobs) -> None:
    tab, first, waiting = Tab(jobs, "tab"), Work("first"), Work("waiting")
    for work in (first, waiting):
        jobs.request("tab", work.task)
    with Needs(jobs, "tab", are_all=False) as needs:
        needs.request(Task("source", "drawing", lambda on_step: 3, "photos"))
    assert tab.next("done")["key"] == "source"
    for work in (first, waiting):
        work.released.set()
    assert [tab.next("done")["key"] for _ in range(2)] == ["first", "waiting"]


def test_a_full_queue_is_refused_and_lanes_do_not_wait_for_each_other(jobs: Jobs) -> None:
    tab, long = Tab(jobs, "tab"), Work("long", "long")
    jobs.request("tab", long.task)
    assert long.started.wait(SECONDS)
    for i in range(MAX_WAITING):
        jobs.request("tab", Work(f"long {i}", "long").task)
    with pytest.raises(Busy, match="try again"):
        jobs.request("tab", Work("one more", "long").task)
    with pytest.raises(Busy, match="try again"):
        jobs.run("one more", lambda on_step: 1).result(SECONDS)
    jobs.request("tab", Task("short", "adding", lambda on_step: 3))
    assert tab.next("done")["key"] == "short"
    jobs.keep_needs("tab", [])
    jobs.stop("tab", "long")
    long.released.set()


def test_other_work_gives_a_future(jobs: Jobs) -> None:
    assert jobs.run("adding", lambda on_step: 1 + 2).result(SECONDS) == 3
    with pytest.raises(ZeroDivisionError):
        jobs.run("dividing", lambda on_step: 1 / 0).result(SECONDS)


def test_the_end_stops_what_runs_and_refuses_more() -> None:
    jobs, work = Jobs(), Work()
    future = jobs.run("working", work, "short")
    assert work.started.wait(SECONDS)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    work.released.set()
    closing.join(SECONDS)
    assert not closing.is_alive()
    with pytest.raises(Busy):
        jobs.request("tab", Task("other", "adding", lambda on_step: 3))
    assert future.done()
