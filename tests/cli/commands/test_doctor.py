"""`styleclip doctor` on the compiled kernels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from cuda_ops import _backend, build
from styleclip.cli import main
from styleclip.diagnostics import check_ops
from tests.helpers.ops_build import empty_cache, only_tools, put


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return empty_cache(tmp_path, monkeypatch)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return only_tools(tmp_path, monkeypatch)


def run_doctor(monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    monkeypatch.setattr("styleclip.diagnostics.CHECKS", {"ops": check_ops})
    return CliRunner().invoke(main, ["doctor", *options])


def test_doctor_builds(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuda_ops.build.why_cannot_build", lambda target: "no toolkit; get one" * (target == "cuda"))
    monkeypatch.setattr("cuda_ops.build.build", lambda target, folder: Path("cpu.so"))
    result = run_doctor(monkeypatch, "--build")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "Building the cpu kernels ... 0 s, cpu.so",
        "The cuda kernels are not built: no toolkit; get one",
    ]


def test_doctor_tells_of_a_failed_build(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: str, _: Path) -> Path:
        raise build.BuildError(f"the {target} kernels do not compile: x.cpp:1: error: no", "all\nit said")

    monkeypatch.setattr("cuda_ops.build.why_cannot_build", lambda _: None)
    monkeypatch.setattr("cuda_ops.build.build", fail)
    result = run_doctor(monkeypatch, "--build")
    assert result.exit_code == 1
    assert "Error: the cpu kernels do not compile: x.cpp:1: error: no; set STYLECLIP_DEBUG=1" in result.stderr
    assert "it said" not in result.stderr
    assert "plain torch" in result.stdout, "the report follows"
    monkeypatch.setenv("STYLECLIP_DEBUG", "1")
    assert "all\nit said\n" in run_doctor(monkeypatch, "--build").stderr


def test_doctor_without_a_compiler(cache: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_doctor(monkeypatch)
    assert result.exit_code == 0, "everything works without"
    assert "--  ops  cpu plain torch" in result.stdout
    cost = "a picture takes a fifth longer"
    for part in ("not built", cost, "no C++ compiler c++; install one", "styleclip doctor --build"):
        assert part in result.stdout
    built = run_doctor(monkeypatch, "--build")
    assert built.exit_code == 1
    assert "The cpu kernels are not built: there is no C++ compiler" in built.stderr


def test_doctor_names_the_libraries(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "load_library", lambda _: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(_backend, "_load_hooks", [])
    cpu, cuda = (put(cache, build.library_name(target, "DEFAULT")) for target in build.TARGETS)
    expected = f"ok  ops  cpu compiled ({cpu}), cuda compiled for GPUs elsewhere ({cuda})\n"
    assert run_doctor(monkeypatch).stdout == expected


def test_doctor_knows_the_choice(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLIP_OPS", "reference")
    assert "plain torch, as STYLECLIP_OPS=reference says" in run_doctor(monkeypatch).stdout
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    assert run_doctor(monkeypatch).exit_code == 1
    monkeypatch.setenv("STYLECLIP_OPS", "fast")
    result = run_doctor(monkeypatch)
    assert (result.exit_code, "set it to one of auto, native, reference" in result.stdout) == (1, True)
