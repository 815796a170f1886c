"""Measure the memory of opening each hostile file, in a process of its own:

    python -m tests.helpers.resource_limits FOLDER

Every line of the output is one file: its name, what was said of it and the bytes of memory on top of what there was.
A process that takes longer than `SECONDS` is ended, and that is what is said of it.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.load import load_generator
from tests.helpers.hostile_costs import CASES, OTHER_WAYS

ROOM = 8 * 2**30  # bytes of addresses, so that a mistake ends a process and not the machine
SECONDS = 30  # of the processor
STACK = 2**21  # bytes; a quarter of what there usually is, so that less depth is needed to leave it


def main(folder: Path) -> None:
    """Every file is opened in a process of its own."""
    limit = memory("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))
    warnings.simplefilter("ignore")
    warm = CASES["BINBYTES of 4 GB"](folder / "weights")
    cost("", warm)  # what the first file imports is in every process from the start
    gc.freeze()
    gc.disable()  # it would look through millions of values for cycles, and free some of the memory that is measured
    for case, make in CASES.items():
        path = make(folder / "weights")
        if status := in_a_process(lambda: print(json.dumps(cost(case, path)), flush=True)):  # noqa: B023
            print(json.dumps([case, f"the process ended with {status}", 0]), flush=True)
        path.unlink()


def cost(case: str, path: Path) -> tuple[str, str, int]:
    before, said = memory("VmRSS"), "it was opened"
    try:
        OTHER_WAYS.get(case, load_generator)(path)
    except WeightError as error:
        said = str(error)
    return case, said, memory("VmHWM") - before


def in_a_process(work: Callable[[], Any]) -> int:
    """The exit code; negative, the signal that ended it."""
    if not (child := os.fork()):
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def memory(name: str) -> int:
    """VmRSS, what there is, or VmHWM, the most there was, in bytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
