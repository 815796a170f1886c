"""A clean machine for tests of the compiled kernels: an empty cache, an empty PATH, and files to put there."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
import torch

from cuda_ops import _backend, build, cache


def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no packaged libraries, nothing loaded yet, and a copy of the sources that tests may change."""
    monkeypatch.setenv("CUDA_OPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STYLECLIP_OPS", raising=False)
    monkeypatch.setattr(cache, "PACKAGED", tmp_path / "lib")
    monkeypatch.setattr(build, "SOURCES", Path(shutil.copytree(build.SOURCES, tmp_path / "csrc")))
    monkeypatch.setattr(_backend, "_reasons", {})
    return tmp_path / "cache"


def only_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, on a machine without a CUDA toolkit."""
    monkeypatch.setattr(build, "_search_path", lambda: str(tmp_path / "tools"))
    monkeypatch.setattr(build, "DEFAULT_TOOLKIT", tmp_path / "absent")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    for name in ("CUDA_HOME", "CUDA_PATH", "CXX"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "tools"


def put(folder: Path, name: str, content: bytes = b"not a library") -> Path:
    """Write a file, and its folder where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def script(path: Path, *lines: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
