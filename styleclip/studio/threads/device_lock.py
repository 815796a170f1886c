"""The lock of a GPU, which frames and jobs share; on a CPU they run side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES_PER_JOB_TURN = 8  # frames that may go before a job that waits


class DeviceLock:
    """One holder at a time. Frames go first, but after `FRAMES_PER_JOB_TURN` in a row a waiting job gets a turn.

    Jobs that wait take turns: a short one does not wait for the end of a long one.

    Args:
        shared: True lets everything through, for devices that several threads use at once.
    """

    def __init__(self, shared: bool = True) -> None:
        self.shared = shared
        self._condition = threading.Condition()
        self._held = False
        self._frames_waiting = self._frames_in_a_row = 0
        self._jobs: deque[object] = deque()  # that wait, in the order of their turns

    @contextmanager
    def frame(self) -> Iterator[None]:
        """Hold the device for a frame."""
        if self.shared:
            yield
            return
        with self._condition:
            self._frames_waiting += 1
            self._condition.wait_for(self._free_for_frame)
            self._frames_waiting -= 1
            self._frames_in_a_row += 1
            self._held = True
        try:
            yield
        finally:
            self._release()

    @contextmanager
    def job(self) -> Iterator[None]:
        """Hold the device for a job, which calls `give_way` between its steps."""
        if self.shared:
            yield
            return
        self._acquire_for_job()
        try:
            yield
        finally:
            self._release()

    def give_way(self) -> None:
        """Let a frame or another job that waits go first; for the holder of `job`."""
        if not self.shared and (self._frames_waiting or self._jobs):
            self._release()
            self._acquire_for_job()

    def _acquire_for_job(self) -> None:
        turn = object()
        with self._condition:
            self._jobs.append(turn)
            self._condition.wait_for(lambda: self._jobs[0] is turn and self._free_for_job())
            self._jobs.popleft()
            self._frames_in_a_row = 0
            self._held = True

    def _release(self) -> None:
        with self._condition:
            self._held = False
            self._condition.notify_all()

    def _free_for_frame(self) -> bool:
        return not self._held and not (self._jobs and self._frames_in_a_row >= FRAMES_PER_JOB_TURN)

    def _free_for_job(self) -> bool:
        return not self._held and (not self._frames_waiting or self._frames_in_a_row >= FRAMES_PER_JOB_TURN)
