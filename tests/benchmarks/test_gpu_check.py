"""`scripts/gpu_check.sh` with a stand-in for Python: failures are reported, and the rest still runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.support import ROOT

PYTHON = """#!/usr/bin/env bash
echo "$*" >>"$0.asked"
case "$*" in
*"$BREAKS"*) echo "it broke" >&2; exit 3 ;;
*"-m benchmarks "*) echo "a headline"; echo; echo "| table of $3 |" ;;
*pytest*) echo "7 passed" ;;
esac
"""
BENCHES = ("ops", "generator", "optimize", "edit", "prepare", "mapper")


def check(folder: Path, breaks: str, **environment: str) -> tuple[int, str, str]:
    """Exit status, report and the calls of Python, where every call that contains `breaks` fails."""
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    ran = subprocess.run(
        [ROOT / "scripts" / "gpu_check.sh", "made/gpu.md"],
        cwd=folder,
        env={**os.environ, "PYTHON": str(python), "BREAKS": breaks, "WHEELS": "", **environment},
        capture_output=True,
        timeout=60,
    )
    return ran.returncode, (folder / "made" / "gpu.md").read_text(), (folder / "python.asked").read_text()


def test_all_is_well(tmp_path: Path) -> None:
    status, report, asked = check(tmp_path, "nothing at all")
    assert status == 0, report
    assert report.startswith("# On a GPU\n") and report.rstrip().splitlines()[-1].startswith("All parts ended well")
    assert all(f"\n## {name}\n\na headline\n\n| table of {name} |\n" in report for name in BENCHES)
    assert "-m styleclip doctor --build" in asked and "7 passed" in report
    assert asked.count("--device cuda") == len(BENCHES)


@pytest.mark.parametrize("broken", ["generator", "mapper"])
def test_what_was_measured_is_kept(tmp_path: Path, broken: str) -> None:
    status, report, _ = check(tmp_path, f"-m benchmarks {broken}")
    assert status == 1
    assert "**Failed** with status 3" in report and report.count("it broke") == 1
    assert report.count("| table of") == len(BENCHES) - 1 and f"Failed: {broken}." in report


def test_tests_that_fail(tmp_path: Path) -> None:
    status, report, _ = check(tmp_path, "tests/cuda_ops/test_ops.py")
    assert status == 1 and "Failed: Tests of the operations" in report and report.count("| table of") == len(BENCHES)


def test_kernels_that_do_not_load(tmp_path: Path) -> None:
    status, report, _ = check(tmp_path, "import unavailable_reason")
    assert status == 1 and "Failed: Kernels." in report and report.count("| table of") == len(BENCHES)


def test_missing_packages_are_a_sentence(tmp_path: Path) -> None:
    """Without wheels the benchmarks that need missing packages are left out, which is no failure."""
    status, report, asked = check(tmp_path, "open_clip")
    assert status == 0 and "open_clip is not installed" in report
    assert report.count("| table of") == 2 and "pip install" not in asked


def test_missing_packages_are_installed(tmp_path: Path) -> None:
    asked = check(tmp_path, "sys.argv[1:]] open_clip", WHEELS="/wheels")[2]
    assert "-m pip install --quiet --no-index --find-links /wheels open_clip_torch" in asked
