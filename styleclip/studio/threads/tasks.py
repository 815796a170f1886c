"""Long work of the studio as values: what is to be done, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from styleclip.progress import OnStep
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

    @property
    def record(self) -> dict[str, Any]:
        """The job as JSON."""
        return {
            "key": self.task.key,
            "what": self.task.what,
            "step": self.step,
            "total": self.total,
            "stage": self.stage,
        }
