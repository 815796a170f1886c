"""Long work of the studio: directions of texts, inversions, optimizations. Shared by all tabs that need it.

Every lane has a thread: a direction takes seconds and does not wait for an optimization of minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch

from styleclip.errors import StyleClipError, UsageError
from styleclip.progress import OnStep, Step
from styleclip.studio.caches import Cache
from styleclip.studio.requests import Busy, StudioError
from styleclip.studio.threads.device_lock import DeviceLock
from styleclip.studio.threads.tasks import LANES, Job, Lane, Task, Turns

Result = TypeVar("Result")
Callback = Callable[[dict[str, Any]], None]  # of a message, as the websocket sends it
PROGRESS_S = 0.1  # between two progress messages of a job
MAX_RESULTS, MAX_RESULT_BYTES = 256, 2**30
MAX_FAULTS = 256
MAX_WAITING = 64  # jobs of a lane
BUSY = "too much work is waiting here; try again in a minute"
STOPPED = "stopped; start it again"
UNEXPECTED = "this failed for a reason that the log of the studio tells; try another text or face"

logger = logging.getLogger(__name__)


class Jobs:
    """Runs tasks, tells tabs of their progress, and keeps the results.

    Args:
        lock: the lock of the device; a job gives it away at each step.
        cores: that torch may use in each of these threads; None for all.

    Example:
        jobs = Jobs()
        jobs.subscribe("tab 1", print)
        value = jobs.request("tab 1", Task("sum", "adding", lambda on_step: 1 + 2))  # a Job at first, then 3
    """

    def __init__(self, lock: DeviceLock | None = None, cores: int | None = None) -> None:
        self.lock, self.cores = lock or DeviceLock(), cores
        self.results: Cache[Any] = Cache(MAX_RESULTS, MAX_RESULT_BYTES)
        self._faults: Cache[tuple[str, str | None]] = Cache(MAX_FAULTS)  # sentences, and keys to try again
        self._stopped: dict[Hashable, set[str]] = {}  # the keys that a tab has stopped
        self._callbacks: dict[Hashable, Callback] = {}
        self._jobs: dict[str, Job] = {}  # waiting and running
        self._waiting: dict[Lane, deque[Job]] = {lane: deque() for lane in LANES}
        self._turns = Turns()
        self._condition = threading.Condition(threading.RLock())
        self._open = True
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"studio {lane} jobs", daemon=True) for lane in LANES
        ]
        for thread in self._threads:
            thread.start()

    def request(self, tab: Hashable, task: Task) -> Any:
        """The value of a task where it is known, else its Job, which starts by itself.

        `tab` None stands for no tab, and starts nothing that a tab has stopped.
        Raises Busy, and StudioError where it failed or this tab has stopped it (with `retry`, unless by a UsageError).
        """
        with self._condition:
            found = self.results.get(task.key)
            if found is not None:
                return found
            if any(task.key in keys for stopper, keys in self._stopped.items() if tab in (stopper, None)):
                raise StudioError(STOPPED, retry=task.key)
            fault = self._faults.get(task.key)
            if fault is not None:
                raise StudioError(fault[0], retry=fault[1])
            job = self._jobs.get(task.key)
            if job is None or job.stopped:
                job = self._start(Job(task))
            if tab is not None:
                job.tabs.add(tab)
            return job

    def run(self, what: str, work: Callable[[OnStep], Result], lane: Lane = "long") -> Future[Result]:
        """The result of other long work, which is not kept."""
        future: Future[Result] = Future()
        with self._condition:
            try:
                self._start(Job(Task(f"run {id(future)}", what, work, lane), future=future))
            except Busy as error:
                future.set_exception(error)
        return future

    def subscribe(self, tab: Hashable, callback: Callback) -> None:
        """Call `callback` with the messages of all jobs that this tab needs, in the thread of the job."""
        with self._condition:
            self._callbacks[tab] = callback

    def keep_needs(self, tab: Hashable, keys: Iterable[str]) -> None:
        """The jobs that this tab needs now; those that wait and no tab needs any more are dropped."""
        needed = set(keys)
        with self._condition:
            for job in list(self._jobs.values()):
                if tab in job.tabs and job.task.key not in needed:
                    job.tabs.discard(tab)
                    if not job.tabs and job in self._waiting[job.task.lane]:
                        self._drop(job)

    def unsubscribe(self, tab: Hashable) -> None:
        """Forget a tab that is closed. A job that runs goes on, since the tab may come back."""
        with self._condition:
            self._callbacks.pop(tab, None)
            self._stopped.pop(tab, None)
            self._turns.forget(tab)
            self.keep_needs(tab, ())

    def stop(self, tab: Hashable, key: str) -> None:
        """Stop a job for this tab; it goes on for other tabs that need it."""
        with self._condition:
            job = self._jobs.get(key)
            if job is None or tab not in job.tabs:
                return
            job.tabs.discard(tab)
            self._stopped.setdefault(tab, set()).add(key)
            if not job.tabs:
                job.stopped = True
                if job in self._waiting[job.task.lane]:
                    self._drop(job)
            callback = self._callbacks.get(tab)
        if callback is not None:
            callback({"type": "stopped", "key": key})

    def retry(self, tab: Hashable, key: str) -> None:
        """Let a job that failed, or that this tab has stopped, start again with the next request."""
        with self._condition:
            self._stopped.get(tab, set()).discard(key)
            self._faults.drop(key)

    def close(self) -> None:
        """Stop all jobs and end the threads."""
        with self._condition:
            self._open = False
            for job in self._jobs.values():
                job.stopped = True
                if job.future is not None and job in self._waiting[job.task.lane]:
                    job.future.cancel()
            self._condition.notify_all()
        for thread in self._threads:
            thread.join()

    def _start(self, job: Job) -> Job:
        waiting = self._waiting[job.task.lane]
        if len(waiting) >= MAX_WAITING or not self._open:
            raise Busy(BUSY)
        waiting.append(job)
        self._jobs[job.task.key] = job
        self._condition.notify_all()
        return job

    def _drop(self, job: Job) -> None:
        self._waiting[job.task.lane].remove(job)
        if self._jobs.get(job.task.key) is job:
            del self._jobs[job.task.key]

    def _run(self, lane: Lane) -> None:
        if self.cores is not None:
            torch.set_num_threads(self.cores)  # of this thread
        waiting = self._waiting[lane]
        while True:
            with self._condition:
                self._condition.wait_for(lambda: waiting or not self._open)
                if not self._open:
                    return
                job = self._turns.take(waiting)
            self._work(job)

    def _work(self, job: Job) -> None:
        """Run a job to its end, and tell its tabs."""
        if job.future is not None and not job.future.set_running_or_notify_cancel():
            with self._condition:
                del self._jobs[job.task.key]
            return
        try:
            with self.lock.job():
                value = job.task.work(self._reporter(job))
            if job.stopped:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            self._end(job, Busy(STOPPED))
        except StyleClipError as error:
            self._end(job, error)
        except Exception as error:
            logger.exception("%s failed", job.task.what)
            self._end(job, error if job.future else StudioError(UNEXPECTED))
        else:
            self._end(job, None, value)

    def _reporter(self, job: Job) -> OnStep:
        """What a job reports its steps to; raises KeyboardInterrupt where the job is stopped."""
        last = 0.0

        def report(step: Step) -> None:
            nonlocal last
            if job.stopped:
                raise KeyboardInterrupt
            job.note(step)
            if (now := time.monotonic()) - last >= PROGRESS_S or step.index == step.total:
                last = now
                self._tell(job, {"type": "progress", "job": job.record})
            self.lock.give_way()

        return report

    def _end(self, job: Job, error: Exception | None, value: Any = None) -> None:
        key = job.task.key
        message = {"type": "done", "key": key}
        with self._condition:
            if self._jobs.get(key) is job:
                del self._jobs[key]
            if job.future is None and error is None:
                self.results.put(key, value, job.task.size(value))
            elif job.future is None and error is not None and not job.stopped:
                # What cannot be understood fails again.
                self._faults.put(key, (str(error), None if isinstance(error, UsageError) else key))
                message = {"type": "job_failed", "key": key, "error": str(error)}
        if job.future is not None:
            job.future.set_exception(error) if error else job.future.set_result(value)
        elif not job.stopped:
            self._tell(job, message)

    def _tell(self, job: Job, message: dict[str, Any]) -> None:
        with self._condition:
            callbacks = [self._callbacks[tab] for tab in job.tabs if tab in self._callbacks]
        for callback in callbacks:
            try:
                callback(message)
            except Exception:  # the thread goes on with other jobs
                logger.exception("a tab cannot be told of %s", job.task.what)
