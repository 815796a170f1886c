"""Building the compiled kernels: what it needs, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from cuda_ops import build
from cuda_ops.cache import build_into_cache, library_path
from tests.helpers.ops_build import empty_cache, only_tools, put, script

Compiler = Callable[..., tuple[int, str]]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return empty_cache(tmp_path, monkeypatch)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return only_tools(tmp_path, monkeypatch)


def make_toolkit(top: Path, release: str = "13.0") -> Path:
    """A folder whose nvcc says what a real one says; its `TOP` is spelt as nvcc spells it."""
    (top / "include").mkdir(parents=True)
    says = [f"echo '#$ TOP={top}/bin/..'", f"echo 'Cuda compilation tools, release {release}, V{release}.88'"]
    script(top / "bin" / "nvcc", *says)
    return top


def test_what_is_missing_is_said_in_turn(tools: Path, tmp_path: Path) -> None:
    def lacks(words: str) -> None:
        reason = build.why_cannot_build("cuda")
        assert reason is not None and words in reason

    lacks("there is no C++ compiler c++; install one")
    script(tools / "c++")
    lacks("there is no ninja; run `pip install ninja`")
    script(tools / "ninja")
    assert build.why_cannot_build("cpu") is None
    lacks("there is no CUDA toolkit; install version 13 of it, or set CUDA_HOME")
    script(tools / "nvcc", f"exec {make_toolkit(tmp_path / 'cuda-12', '12.9')}/bin/nvcc")
    lacks(f"{tmp_path}/cuda-12 is a CUDA toolkit of version 12, and torch needs version 13")
    script(tools / "nvcc", f"exec {make_toolkit(tmp_path / 'cuda-13')}/bin/nvcc")
    assert build.why_cannot_build("cuda") is None


def test_a_compiler_of_the_users_choice(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "ccache g++-13")
    assert "there is no C++ compiler ccache" in str(build.why_cannot_build("cpu"))


def test_torch_without_cuda(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tools / "c++")
    script(tools / "ninja")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "is built without CUDA" in str(build.why_cannot_build("cuda"))


def test_the_toolkit_is_named_by_the_environment(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = make_toolkit(tmp_path / "cuda")
    monkeypatch.setenv("CUDA_PATH", str(top))
    assert build.cuda_toolkit() == top
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))  # goes first, and has no nvcc
    assert build.cuda_toolkit() is None


def test_the_toolkit_of_a_script_and_of_a_link(tools: Path, tmp_path: Path) -> None:
    assert build.cuda_toolkit() is None
    top = make_toolkit(tmp_path / "cuda")
    script(tools / "nvcc", f'exec {top}/bin/nvcc "$@"')
    assert build.cuda_toolkit() == top
    (tools / "nvcc").unlink()
    (tools / "nvcc").symlink_to(top / "bin" / "nvcc")
    assert build.cuda_toolkit() == top


def test_the_toolkit_where_it_is_installed_by_default(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "DEFAULT_TOOLKIT", make_toolkit(tmp_path / "cuda"))
    assert build.cuda_toolkit() == tmp_path / "cuda"


def test_architectures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that nvcc knows, and code for later GPUs; that of a GPU that is here too."""
    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 0))
    script(tmp_path / "bin" / "nvcc", *(f"echo compute_{number}" for number in (70, 75, 80, 86, 89, 90)))
    flags = build._architecture_flags(tmp_path)
    assert [flag.rpartition("=")[2] for flag in flags] == [
        *(f"sm_{number}" for number in (70, 75, 80, 86, 89, 90)),
        "compute_90",
    ]
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.6")
    assert build._architecture_flags(tmp_path) == []


def compiler(*, status: int = 0, output: str = "", written: bytes = b"code", pause: float = 0.0) -> Compiler:
    """Stands for the process that compiles: leaves an object file, takes its time, then writes the library."""

    def run(_: list[str], request: str, __: dict[str, str]) -> tuple[int, str]:
        folder = Path(json.loads(request)["build_directory"])
        (folder / "schema.o").write_bytes(b"object")
        time.sleep(pause)
        if status == 0:
            (folder / "cuda_ops_cpu.so").write_bytes(written)
        return status, output

    return run


@pytest.fixture
def nothing_missing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "why_cannot_build", lambda _: None)


@pytest.mark.usefixtures("nothing_missing")
def test_two_builds_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_run", compiler(pause=0.1))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(build_into_cache, ["cpu", "cpu"])
    assert first == second == library_path("cpu")
    assert first.read_bytes() == b"code"
    assert list(cache.iterdir()) == [first]


@pytest.mark.usefixtures("nothing_missing")
def test_a_failed_build(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "[1/2] c++ -c bias_act.cpp\nbias_act.cpp:7:1: error: 'flaot' does not name a type\nninja: stopped\n"
    monkeypatch.setattr(build, "_run", compiler(status=1, output=said))
    with pytest.raises(build.BuildError, match="the cpu kernels do not compile: .*:7:1: error: 'flaot'") as failure:
        build_into_cache("cpu")
    assert failure.value.output == said
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("nothing_missing")
def test_an_interrupted_build(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> tuple[int, str]:
        compiler(status=1)(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_into_cache("cpu")
    assert list(cache.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_interrupt_ends_the_compilers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "pid"

    def interrupt(child: subprocess.Popen[bytes], _: bytes) -> None:
        wait_until(lambda: started.exists() and started.read_text().endswith("\n"))
        raise KeyboardInterrupt

    def gone() -> bool:
        command = Path(f"/proc/{int(started.read_text())}/cmdline")
        return not command.exists() or not command.read_bytes()  # a zombie has none

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build._run(["sh", "-c", f"sleep 60 & echo $! > {started}; wait"], "", dict(os.environ))
    wait_until(gone)


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.usefixtures("nothing_missing")
def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_OPS_CACHE", str(put(tmp_path, "file") / "cache"))
    with pytest.raises(build.BuildError, match="cannot write to .*: Not a directory; set CUDA_OPS_CACHE"):
        build_into_cache("cpu")
