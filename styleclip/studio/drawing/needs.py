"""The jobs that a drawing needs, and their values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from types import TracebackType
from typing import Any

from styleclip.studio.threads.jobs import Jobs
from styleclip.studio.threads.tasks import Task

Key = str


class Needs:
    """Asks for the values of tasks and notes their keys; at its end, jobs that the tab no longer needs are dropped.

    Args:
        jobs: where tasks run.
        tab: the tab that needs them; None for work that is not of a tab.
        are_all: whether these are all that the tab needs; else its other jobs go on.

    Example:
        with Needs(jobs, "tab 1") as needs:
            value = needs.request(task)  # or its Job
    """

    def __init__(self, jobs: Jobs, tab: Hashable, are_all: bool = True) -> None:
        self.jobs, self.tab, self.are_all = jobs, tab, are_all
        self._keys: set[Key] = set()

    def request(self, task: Task) -> Any:
        """The value of a task, else its Job. Raises StudioError where it failed or was stopped."""
        self._keys.add(task.key)
        return self.jobs.request(self.tab, task)

    def peek(self, key: Key) -> Any:
        """The value of a task that ran before; None where it did not."""
        return self.jobs.results.get(key)

    def __enter__(self) -> Needs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.tab is not None and self.are_all:
            self.jobs.keep_needs(self.tab, self._keys)


def key_of(*parts: Any) -> Key:
    """A key of JSON values: equal for equal ones, and telling nothing of them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
