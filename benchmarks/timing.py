"""Timing of several variants in turn, and the peak memory of each in a subprocess."""

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

from styleclip.runtime.cuda_graphs import WARM_UP_CALLS

Value = TypeVar("Value")
Key = TypeVar("Key")
Timer = Callable[[], float]  # does the work once and returns its seconds
MIN_SECONDS = 0.02  # short work is repeated until it takes this long
CLOCKS = {"wall": "perf_counter", "cpu": "process_time"}  # functions of `time`
WARM_UP = {"cpu": 1, "cuda": WARM_UP_CALLS + 2}  # runs; on a GPU until CUDA graphs are captured

_clock = CLOCKS["wall"]  # see set_clock


class Variant(Protocol):
    """One way to do the work of a benchmark. Picklable: a subprocess receives it and loads its networks there."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> torch.device: ...

    def timers(self) -> Mapping[str, Timer]:
        """A timer for each work to measure, by name."""
        ...


@dataclass(frozen=True)
class Measurement:
    """One work of one variant: seconds of every repetition, and peak bytes of the process that ran the variant.

    `beyond` are the bytes on top of the loaded networks. Both are the same for all works of a variant.
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
    def minimum(self) -> float:
        return min(self.seconds)

    def ratios_to(self, other: Measurement) -> dict[str, float]:
        """Time and memory relative to another measurement."""
        return {
            "ratio": self.median / other.median,
            "least_ratio": self.minimum / other.minimum,
            "memory_ratio": self.memory / other.memory,
            "beyond_ratio": self.beyond / other.beyond if other.beyond else math.nan,
        }

    def to_dict(self) -> dict[str, Any]:
        """The row of the JSON output."""
        return {
            "name": self.name,
            "work": self.work,
            "seconds": self.median,
            "least": self.minimum,
            "repeats": len(self.seconds),
            "memory": self.memory,
            "beyond": self.beyond,
        }


def compare(variants: Sequence[Variant], repeats: int) -> list[Measurement]:
    """Measure every work of every variant, in turn."""
    memory = {each.name: peak_bytes_in_subprocess(each) for each in variants}  # first, while this process is small
    timers = {(each.name, work): timer for each in variants for work, timer in each.timers().items()}
    seconds = time_in_turns(timers, repeats)
    return [
        Measurement(name, work, tuple(taken), memory[name][0], memory[name][0] - memory[name][1])
        for (name, work), taken in seconds.items()
    ]


def time_in_turns(timers: Mapping[Key, Timer], repeats: int) -> dict[Key, list[float]]:
    """Run all timers one after the other, `repeats` times, so that a slow phase of the machine affects all of them.

    A first round is a warm-up: memory is allocated and algorithms are chosen.
    """
    for timer in timers.values():
        timer()
    rounds = [{key: timer() for key, timer in timers.items()} for _ in range(repeats)]
    return {key: [each[key] for each in rounds] for key in timers}


def make_timer(work: Callable[[], Any], device: torch.device) -> Timer:
    """A timer of one run on a CPU, and of repeated runs on a GPU, where the work may be short and needs a warm-up."""
    return make_repeating_timer(work, device) if device.type == "cuda" else lambda: time_call(work, device)[0]


def make_repeating_timer(work: Callable[[], Any], device: torch.device) -> Timer:
    """A timer of short work, repeated for at least MIN_SECONDS: seconds per run."""

    @functools.cache
    def count() -> int:
        for _ in range(WARM_UP[device.type]):
            work()
        return math.ceil(MIN_SECONDS / time_call(work, device)[0])

    def many() -> None:
        for _ in range(count()):
            work()

    def timer() -> float:
        number = count()
        return time_call(many, device)[0] / number

    return timer


def set_clock(name: str) -> None:
    """Measure with one of CLOCKS from now on; "cpu" counts the seconds of all threads of this process."""
    global _clock
    _clock = CLOCKS[name]


def time_call(work: Callable[[], Value], device: torch.device, repeats: int = 1) -> tuple[float, Value]:
    """The least seconds of several runs, and the value of the last one."""
    taken, clock = [], getattr(time, _clock)
    for _ in range(repeats):
        synchronize(device)
        started = clock()
        value = work()
        synchronize(device)
        taken.append(clock() - started)
    return min(taken), value


def synchronize(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes_in_subprocess(variant: Variant) -> tuple[int, int]:
    """`peak_bytes(variant)` in a fresh process, forked from one that has only imported the benchmark."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([type(variant).__module__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(peak_bytes, variant).result()


def peak_bytes(variant: Variant) -> tuple[int, int]:
    """Peak bytes of the variant's works, and peak bytes after loading its networks."""
    timers = [*variant.timers().values()]
    networks = max_bytes_in_use(variant.device)
    for timer in (*timers, timers[-1]):  # the last one again, with the gradients and moments of the first run
        timer()
    return max_bytes_in_use(variant.device), networks


def max_bytes_in_use(device: torch.device) -> int:
    """Peak bytes so far: allocated on the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
