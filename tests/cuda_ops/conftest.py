"""Both implementations of the ops, and the CUDA sources compiled for the CPU."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.helpers.cuda_on_cpu import build_kernels_once
from tests.helpers.native_ops import needs_native


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which(os.environ.get("CXX", "c++"))
    if sys.platform != "linux" or found is None:
        pytest.skip("needs Linux and a C++ compiler")
    return found


@pytest.fixture(scope="session")
def library(compiler: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The kernels, compiled by the first of the processes that run the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "cuda_on_cpu"
    return build_kernels_once(compiler, folder)


@pytest.fixture(params=["reference", "native"])
def ops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The implementation under test."""
    monkeypatch.setenv("STYLECLIP_OPS", request.param)
    if request.param == "native":
        needs_native()
    return request.param
