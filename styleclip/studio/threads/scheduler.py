"""One thread for the short work of many tabs: frames, thumbnails, small exports."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from styleclip.studio.requests import Busy, Superseded
from styleclip.studio.threads.device_lock import DeviceLock

Result = TypeVar("Result")
MAX_OWNERS = 64  # tabs and others with work that waits
MAX_CALLS = 32  # of one owner that wait
BUSY = "too many tabs are at work here; try again in a moment"


@dataclass(frozen=True)
class _Task:
    work: Callable[[], Any]
    future: Future[Any]

    def fail(self, error: Exception) -> None:
        """End the task with an error, unless it was cancelled."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def run(self) -> None:
        """Do the work, unless it was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.work())
        except BaseException as error:
            self.future.set_exception(error)


class Scheduler:
    """Runs work in one thread. Owners take turns; a tab has one frame at most that waits, and its newest wins.

    Args:
        lock: the lock of the device, held while work runs.
        max_owners: how many owners may have work that waits; more get a `Busy`.
        cores: that torch may use in this thread; None for all.

    Example:
        scheduler = Scheduler()
        picture = scheduler.frame("tab 1", lambda: render(3)).result()
    """

    def __init__(self, lock: DeviceLock | None = None, max_owners: int = MAX_OWNERS, cores: int | None = None) -> None:
        self.lock, self.max_owners, self.cores = lock or DeviceLock(), max_owners, cores
        self._waiting: dict[Hashable, deque[_Task]] = {}  # of owners, in the order of their turns
        self._condition = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="studio frames", daemon=True)
        self._thread.start()

    def frame(self, tab: Hashable, work: Callable[[], Result]) -> Future[Result]:
        """The result of a frame; a frame of this tab that still waits ends with `Superseded`."""
        return self._add(("frame", tab), work, only_last=True)

    def call(self, work: Callable[[], Result], owner: Hashable = None) -> Future[Result]:
        """The result of other short work; an owner may have MAX_CALLS that wait, else the future has a `Busy`."""
        return self._add(("call", owner), work, only_last=False)

    def has_newer(self, tab: Hashable) -> bool:
        """Whether a frame of this tab waits, so that the one that is being drawn may be given up."""
        return ("frame", tab) in self._waiting

    def forget(self, tab: Hashable) -> None:
        """Drop the frame of a tab that waits."""
        with self._condition:
            dropped = self._waiting.pop(("frame", tab), deque())
        for task in dropped:
            task.fail(Superseded("the tab was closed"))

    def close(self) -> None:
        """End the thread after the work that it is at; what waits gets a `Busy`."""
        with self._condition:
            self._open = False
            dropped = [task for tasks in self._waiting.values() for task in tasks]
            self._waiting.clear()
            self._condition.notify_all()
        for task in dropped:
            task.fail(Busy("the studio was closed; start it again"))
        self._thread.join()

    def _add(self, owner: Hashable, work: Callable[[], Result], only_last: bool) -> Future[Result]:
        task = _Task(work, Future())
        superseded: list[_Task] = []
        with self._condition:
            tasks = self._waiting.get(owner)
            if tasks is None:
                accepted, tasks = self._open and len(self._waiting) < self.max_owners, deque()
            else:
                accepted = only_last or len(tasks) < MAX_CALLS
            if accepted:
                if only_last:
                    superseded = list(tasks)
                    tasks.clear()
                tasks.append(task)
                self._waiting[owner] = tasks
                self._condition.notify_all()
        for old in superseded:
            old.fail(Superseded("a later request took its place"))
        if not accepted:
            task.fail(Busy(BUSY))
        return task.future

    def _run(self) -> None:
        if self.cores is not None:
            torch.set_num_threads(self.cores)  # of this thread
        while (task := self._next_task()) is not None:
            with self.lock.frame():
                task.run()

    def _next_task(self) -> _Task | None:
        """The next task of the owner whose turn it is, who then waits for the others; None where this is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or not self._open)
            if not self._open:
                return None
            owner = next(iter(self._waiting))
            tasks = self._waiting.pop(owner)
            task = tasks.popleft()
            if tasks:
                self._waiting[owner] = tasks
            return task
