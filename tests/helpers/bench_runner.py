"""Run a benchmark with small networks in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.tools import Setup
from tests.helpers.support import done

SMALL = Setup(torch.device("cpu"), (torch.float32,), threads=1, networks="small", quick=True)


@contextmanager
def restored_process() -> Iterator[None]:
    """Restore the number of threads, leave the memory allocator as it is, and repeat short work less often."""
    threads = torch.get_num_threads()
    with mock.patch("benchmarks.tools.keep_memory"), mock.patch("benchmarks.timing.MIN_SECONDS", 1e-3):
        yield
    torch.set_num_threads(threads)


def run_bench(*words: str) -> str:
    """The output of a benchmark with small networks on one thread."""
    small = ["--networks", "small", "--device", "cpu", "--quick", "--threads", "1"]
    with restored_process():
        return done(CliRunner().invoke(main, [*words, *small])).stdout


def run_bench_json(*words: str) -> dict[str, Any]:
    """The same with --json."""
    found: dict[str, Any] = json.loads(run_bench(*words, "--json"))
    return found
