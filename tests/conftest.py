"""Fixtures of several modules: `pytestmark = pytest.mark.usefixtures("one_thread")`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks are no work for several threads, which only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a tiny generator and its CLIP; modules with more to share have `files` of their own."""
    from tests.test_prepare import tiny_files

    return tiny_files(tmp_path_factory.mktemp("models"))
