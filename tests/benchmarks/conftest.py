"""The processes in which benchmarks measure memory, forked from one with torch and this package imported."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

import pytest

from tests.helpers.preloaded import IMPORTED, OURS

BENCHMARKS = ("benchmarks.edit", "benchmarks.generator", "benchmarks.mapper", "benchmarks.optimize")


@pytest.fixture(scope="session")
def fork_server() -> None:
    """The server of `multiprocessing`, which each process that runs tests starts once, with more imported.

    Without it every measured process imports open_clip and all that it needs.
    """
    preload = [*IMPORTED, *OURS, *BENCHMARKS, "tests.helpers.frozen_imports"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preload)
    forkserver.ensure_running()
