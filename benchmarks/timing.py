"""Contestants that take turns on the clock, and the memory of each in a process of its own."""

from __future__ import annotations

import functools
import math
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from styleclip.runtime.cuda_graphs import AFTER

Value = TypeVar("Value")
Key = TypeVar("Key")
Timer = Callable[[], float]  # does the work once and says how many seconds of it count
CLOCK = 0.02  # seconds that short work is repeated for
WARM_UP = {"cpu": 1, "cuda": AFTER + 2}  # times, after which graphs are made


class Way(Protocol):
    """One way of doing the same; small, so that it can be sent to a process, and loads its networks there."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> torch.device: ...

    def timers(self) -> Mapping[str, Timer]:
        """What there is to measure, by name."""
        ...


@dataclass(frozen=True)
class Measured:
    """One work of one way: seconds of every repetition, and bytes in use at most, by the process and beyond networks.

    The bytes are those of the way, whatever the work.
    """

    name: str
    work: str
    seconds: tuple[float, ...]
    memory: int
    beyond: int

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        return min(self.seconds)

    def over(self, other: Measured) -> dict[str, float]:
        """How much of the other's time and memory this takes."""
        return {
            "ratio": self.median / other.median,
            "least_ratio": self.least / other.least,
            "memory_ratio": self.memory / other.memory,
            "beyond_ratio": self.beyond / other.beyond if other.beyond else math.nan,
        }

    def record(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {
            "name": self.name,
            "work": self.work,
            "seconds": self.median,
            "least": self.least,
            "repeats": len(self.seconds),
            "memory": self.memory,
            "beyond": self.beyond,
        }


def compared(ways: Sequence[Way], repeats: int) -> list[Measured]:
    """Every work of every way, measured in turn."""
    memory = {way.name: in_a_process(way) for way in ways}  # first, while this process is small
    timers = {(way.name, work): timer for way in ways for work, timer in way.timers().items()}
    seconds = in_turn(timers, repeats)
    return [
        Measured(name, work, tuple(taken), memory[name][0], memory[name][0] - memory[name][1])
        for (name, work), taken in seconds.items()
    ]


def in_turn(timers: Mapping[Key, Timer], repeats: int) -> dict[Key, list[float]]:
    """The seconds of each, one after the other, so that whatever slows the machine meets all of them.

    A first round does not count: in it memory is allocated, and algorithms are chosen.
    """
    for timer in timers.values():
        timer()
    rounds = [{key: timer() for key, timer in timers.items()} for _ in range(repeats)]
    return {key: [each[key] for each in rounds] for key in timers}


def stopwatch(work: Callable[[], Any], device: torch.device) -> Timer:
    """A timer that counts all of the work, once on a CPU and often on a GPU, where it may be short and warms up."""
    return repeated(work, device) if device.type == "cuda" else lambda: timed(work, device)[0]


def repeated(work: Callable[[], Any], device: torch.device) -> Timer:
    """A timer of work so short that it is repeated until the clock is fine enough: seconds of one."""

    @functools.cache
    def count() -> int:
        for _ in range(WARM_UP[device.type]):
            work()
        return math.ceil(CLOCK / timed(work, device)[0])

    def many() -> None:
        for _ in range(count()):
            work()

    def timer() -> float:
        number = count()
        return timed(many, device)[0] / number

    return timer


def timed(work: Callable[[], Value], device: torch.device, repeats: int = 1) -> tuple[float, Value]:
    """The least of several times, in seconds, and what comes of the work."""
    taken = []
    for _ in range(repeats):
        synchronize(device)
        started = time.perf_counter()
        value = work()
        synchronize(device)
        taken.append(time.perf_counter() - started)
    return min(taken), value


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_a_process(way: Way) -> tuple[int, int]:
    """`peak(way)` in a process of its own, forked from one that has imported all and done nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([type(way).__module__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(peak, way).result()


def peak(way: Way) -> tuple[int, int]:
    """Bytes in use at most, and those in use when the networks had been loaded."""
    timers = [*way.timers().values()]
    networks = in_use(way.device)
    for timer in (*timers, timers[-1]):  # once more, with the gradients and moments that the first time left
        timer()
    return in_use(way.device), networks


def in_use(device: torch.device) -> int:
    """Bytes in use at most so far: of the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
