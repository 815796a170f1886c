"""Long work of the studio as values: what is to be done, and how far it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from styleclip.progress import OnStep, Step
from styleclip.studio.caches import bytes_of

Lane = Literal["short", "photos", "long"]
LANES: tuple[Lane, ...] = ("short", "photos", "long")


@dataclass(frozen=True)
class Task:
    """Work that gives the value of a key.

    Args:
        key: names the value; equal keys mean equal values.
        what: the sentence that tells a user what is done.
        work: gives the value, and reports its steps.
        lane: "short" for seconds, "photos" for inversions, "long" for more.
        size: the bytes that the value takes.
    """

    key: str
    what: str
    work: Callable[[OnStep], Any]
    lane: Lane = "short"
    size: Callable[[Any], int] = bytes_of


@dataclass(eq=False)
class Job:
    """A task that waits or runs."""

    task: Task
    tabs: set[Hashable] = field(default_factory=set)  # that need it
    step: int = 0
    total: int = 0
    stage: str = ""
    stopped: bool = False
    future: Future[Any] | None = None  # of work that no tab needs (`Jobs.run`)
    _began: tuple[float, int] | None = None  # the time and number of the first step of the stage

    def note(self, step: Step) -> None:
        """Take over how far the work is."""
        if self._began is None or step.stage != self.stage or step.index < self.step:
            self._began = time.monotonic(), step.index
        self.step, self.total, self.stage = step.index, step.total, step.stage

    @property
    def seconds_left(self) -> int | None:
        """Of the stage, at its pace so far; None before its second step."""
        if self._began is None or self.step == self._began[1]:
            return None
        started, first = self._began
        return round((time.monotonic() - started) / (self.step - first) * (self.total - self.step))

    @property
    def record(self) -> dict[str, Any]:
        """The job as JSON."""
        return {
            "key": self.task.key,
            "what": self.task.what,
            "step": self.step,
            "total": self.total,
            "stage": self.stage,
            "seconds_left": self.seconds_left,
        }


class Turns:
    """The order of jobs that wait: tabs take turns, and the jobs of a tab begin in their order."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[Hashable, int] = {}  # the turn at which a job of a tab began last; None stands for no tab

    def take(self, waiting: deque[Job]) -> Job:
        """Remove the job whose turn it is."""
        job = min(waiting, key=lambda job: min(self._last.get(tab, 0) for tab in job.tabs or {None}))
        waiting.remove(job)
        self._count += 1
        self._last |= dict.fromkeys(job.tabs or {None}, self._count)
        return job

    def forget(self, tab: Hashable) -> None:
        """Forget a tab that was closed."""
        self._last.pop(tab, None)
