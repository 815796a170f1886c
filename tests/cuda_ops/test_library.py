"""Finding the compiled kernels, running them, and doing without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cuda_ops import _backend, build
from cuda_ops import cache as kernel_cache
from cuda_ops.cache import library_path
from tests.helpers.ops_build import empty_cache, put
from tests.helpers.support import ROOT, run_python

OPS = ("bias_act", "bias_act_backward", "upfirdn2d", "blur_act", "filtered_lrelu", "filtered_lrelu_gate")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return empty_cache(tmp_path, monkeypatch)


def test_nothing_is_found_before_a_build(cache: Path) -> None:
    assert [library_path(target) for target in build.TARGETS] == [None, None]


@pytest.mark.parametrize("target", build.TARGETS)
def test_the_cache_comes_before_the_package(cache: Path, target: str) -> None:
    level = build.cpu_levels(target)[-1]  # a CPU runs what is built for a lower level
    packaged = put(kernel_cache.PACKAGED, build.library_name(target, level))
    assert library_path(target) == packaged
    cached = put(cache, build.library_name(target, level))
    assert library_path(target) == cached


@pytest.mark.parametrize("target", build.TARGETS)
def test_a_library_for_another_torch_is_not_found(cache: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(cache, build.library_name(target, "DEFAULT"))
    monkeypatch.setattr(torch, "__version__", "2.6.0+cpu")
    assert library_path(target) is None


def test_the_name_follows_sources_flags_and_cuda(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> tuple[str, str]:
        return build.library_name("cpu", "DEFAULT"), build.library_name("cuda", "DEFAULT")

    seen = [names()]
    (build.SOURCES / "cuda" / "more.cu").write_text("// another kernel")
    seen.append(names())
    assert seen[-1][0] == seen[0][0], "a kernel for CUDA does not cost the CPU its library"
    with (build.SOURCES / "schema.cpp").open("a") as schema:
        schema.write("// another comment")
    seen.append(names())
    monkeypatch.setattr(build, "FLAGS", ("-O2",))
    seen.append(names())
    monkeypatch.setattr(torch.version, "cuda", "11.8")
    seen.append(names())
    assert len({cuda for _, cuda in seen}) == 5
    assert len({cpu for cpu, _ in seen}) == 4
    assert build.library_name("cpu", "AVX2") != build.library_name("cpu", "DEFAULT")


@pytest.mark.parametrize(
    ("capability", "own", "portable"),
    [
        ("AVX512", "AVX512", "AVX2"),
        ("AVX2", "AVX2", "AVX2"),
        ("DEFAULT", "DEFAULT", "DEFAULT"),
        ("SVE256",) + ("DEFAULT",) * 2,
    ],
)
def test_levels(capability: str, own: str, portable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert build.cpu_levels("cpu")[0] == own
    assert build.cpu_levels("cpu", "AVX2")[0] == portable
    assert build.cpu_levels("cpu")[-1] == "DEFAULT"


def test_without_a_library_the_twins_run_and_native_raises(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _backend.backend() == "reference"
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    remedy = "STYLECLIP_OPS=native, but the cpu kernels are not built .*; run `styleclip doctor --build`"
    with pytest.raises(RuntimeError, match=remedy):
        _backend.use_native(torch.zeros(1))
    assert not _backend.use_native(torch.zeros(1, device="meta"))  # no kernels, and none missing
    monkeypatch.setenv("STYLECLIP_OPS", "reference")
    assert not _backend.use_native(torch.zeros(1))


def test_a_broken_library_is_tried_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = put(cache, build.library_name("cpu", "DEFAULT"))
    assert not _backend.use_native(torch.zeros(1))
    reason = _backend.unavailable_reason("cpu")
    assert reason is not None and reason.startswith(f"the cpu kernels do not load: {broken}")
    broken.unlink()
    assert _backend.unavailable_reason("cpu") == _backend.unavailable_reason("cuda") == reason
    monkeypatch.setenv("STYLECLIP_OPS", "native")
    with pytest.raises(RuntimeError, match="do not load"):
        _backend.use_native()


def test_the_rules_of_an_op_wait_for_its_library(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(_backend, "_load_hooks", [])
    monkeypatch.setattr(torch.ops, "load_library", lambda _: calls.append("load"))
    _backend.on_library_load(lambda: calls.append("early"))
    put(cache, build.library_name("cpu", "DEFAULT"))
    assert calls == []
    assert [_backend.use_native(), _backend.use_native()] == [True, True]
    _backend.on_library_load(lambda: calls.append("late"))
    assert calls == ["load", "early", "late"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cuda_ops` as an ahead-of-time build installs it, without kernels for CUDA."""
    if reason := build.why_cannot_build("cpu"):
        pytest.skip(reason)
    tree = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "setup.py", tree)
    shutil.copytree(ROOT / "cuda_ops", tree / "cuda_ops", ignore=shutil.ignore_patterns("lib", "__pycache__"))
    (tree / "checkpoints").mkdir()
    plain = (ROOT / "cuda_ops" / "build.py").read_text().replace('"-O3"', '"-O0"')  # a third of the time
    (tree / "cuda_ops" / "build.py").write_text(plain)
    asked = {"STYLECLIP_BUILD_OPS": "1", "CUDA_HOME": str(tree)}  # which is no toolkit
    result = run_python("setup.py", "build", "--build-lib", "out", cwd=tree, **asked)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the cuda kernels are not built: there is no CUDA toolkit" in result.stdout
    assert list((tree / "out" / "cuda_ops" / "lib").iterdir())
    return tree / "out"


def run_installed(installed: Path, code: str, **extra: str) -> str:
    """What a program prints that imports the `cuda_ops` of `installed`, in a process of its own."""
    variables = {**os.environ, "PYTHONPATH": str(installed), "CUDA_OPS_CACHE": str(installed / "no-cache"), **extra}
    command = [sys.executable, "-P", "-c", code]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


COMPILED = """
import sys, torch, cuda_ops
print(cuda_ops._backend._reasons, torch.ops.loaded_libraries)
x, b = torch.linspace(-3, 3, 96).reshape(2, 3, 4, 4).requires_grad_(), torch.ones(3)
op = torch.compile(cuda_ops.bias_act, fullgraph=True, backend="aot_eager")
found = op(x, b)  # the first use of the library is inside of a trace
found.sum().backward()
assert torch.ops.loaded_libraries
assert torch.allclose(found, cuda_ops.bias_act_reference(x, b)), "another result"
if sys.platform == "linux":
    print(len({line.split()[-1] for line in open("/proc/self/maps") if "omp.so" in line}), "OpenMP")
"""


def test_the_cpu_library_serves_from_its_first_use(installed: Path) -> None:
    """An import loads nothing yet."""
    one_openmp = ["1", "OpenMP"] if sys.platform == "linux" else []
    assert run_installed(installed, COMPILED, STYLECLIP_OPS="native").split() == ["{}", "set()", *one_openmp]


@pytest.fixture(scope="module")
def cuda_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library for CUDA: the one that is there, else one that is built now, for every architecture."""
    if reason := build.why_cannot_build("cuda"):
        pytest.skip(reason)
    return library_path("cuda") or build.build("cuda", tmp_path_factory.mktemp("cuda"))


def test_every_op_has_a_kernel_for_cuda(cuda_library: Path, installed: Path) -> None:
    code = f"""
import torch, cuda_ops
assert cuda_ops.backend() == "native"
torch.ops.load_library({str(cuda_library)!r})
print(*(torch._C._dispatch_has_kernel_for_dispatch_key(f"cuda_ops::{{op}}", "CUDA") for op in {OPS}))
"""
    assert run_installed(installed, code).split() == ["True"] * len(OPS)


def test_the_toolkit_knows_every_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the library above has code for all of them."""
    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST", raising=False)
    top = build.cuda_toolkit()
    if top is None:
        pytest.skip("there is no CUDA toolkit")
    flags = "".join(build._architecture_flags(top))
    assert all(f"code=sm_{number}" in flags for number in (75, 80, 86, 89, 90, 100))
