"""The CUDA sources compiled for the CPU."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.helpers.cuda_on_cpu import build_kernels


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which(os.environ.get("CXX", "c++"))
    if sys.platform != "linux" or found is None:
        pytest.skip("needs Linux and a C++ compiler")
    return found


@pytest.fixture(scope="session")
def library(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_kernels(compiler, tmp_path_factory.mktemp("cuda_on_cpu"))
