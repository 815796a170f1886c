"""Fixtures shared by several modules; one thread of torch for each of the two processes that run the tests."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from styleclip.models import Models

for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:  # as of jobs in the background of a script, and under nohup
        signal.signal(number, handler)
os.fsync = lambda _: None  # no file of a test has to outlast the computer, and a disk takes milliseconds for each
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, here and in commands that tests run


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without looking for cyclic garbage, a quarter of the time: what is imported stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache without the weights and the samples of this computer's user."""
    os.environ["STYLECLIP_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a tiny generator and its CLIP; modules with more to share have `files` of their own."""
    from tests.helpers.files import tiny_files

    return tiny_files(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def models(files: tuple[Path, Path]) -> Models:
    """The networks of these files, without face recognition."""
    import styleclip

    return styleclip.load(str(files[0]), clip=files[1], identity="none")


@pytest.fixture(scope="session")
def demo() -> Models:
    """The demo models, with what is computed of them once."""
    import styleclip

    return styleclip.load("demo")


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[list[str]]:
    """What stands in the place of `python` before `-m` or `-c`, to start in no time (`tests.helpers.preloaded`).

    The processes that run the tests share one server.
    """
    from tests.helpers.preloaded import Preloaded
    from tests.helpers.support import environment

    base = tmp_path_factory.getbasetemp()
    server = Preloaded((base if worker_id == "master" else base.parent) / "python", environment(), user=worker_id)
    yield server.command
    server.close()
