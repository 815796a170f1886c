"""`styleclip global-dir` in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.helpers.global_dir import pixels
from tests.helpers.support import run_python, run_styleclip


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv[1:] = ['global-dir', '--help']; from styleclip.cli import main\ntry: main()\nfinally: "
    )
    result = run_python("-c", script + "print('torch' in sys.modules, 'numpy' in sys.modules, 'PIL' in sys.modules)")
    assert result.stdout.endswith("False False False\n"), result.stderr


def test_the_demo_needs_no_table(tmp_path: Path, python: list[str]) -> None:
    words = ("--prompt", "a smiling face", "--relevance", "gradient", "--images", "4", "--alpha", "2", "--seed", "2")
    result = run_styleclip("global-dir", *words, "--json", "--out", "out", cwd=tmp_path, python=python)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    record = json.loads(result.stdout)
    told = record["provenance"]["directions"][0]
    assert told["relevance"]["source"] == "gradient" and told["channels"] > 10 and told["movement"] > 0
    assert record["scores"][0]["clip_after"] > record["scores"][0]["clip_before"]
    assert not np.array_equal(pixels(tmp_path / "out" / "before.png"), pixels(tmp_path / "out" / "after.png"))
