"""What the tests of the benches share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.tools import Setting
from tests.helpers.support import done

SMALL = Setting(torch.device("cpu"), (torch.float32,), threads=1, networks="small", quick=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What a bench sets for its process is as before, and this process frees its memory as ever."""
    threads = torch.get_num_threads()
    with mock.patch("benchmarks.tools.keep_memory"):
        yield
    torch.set_num_threads(threads)


def printed(*words: str) -> str:
    """What a bench prints of small networks on one thread."""
    small = ["--networks", "small", "--device", "cpu", "--quick", "--threads", "1"]
    with undisturbed():
        return done(CliRunner().invoke(main, [*words, *small])).stdout


def told(*words: str) -> dict[str, Any]:
    """The same as JSON."""
    found: dict[str, Any] = json.loads(printed(*words, "--json"))
    return found
