"""No file takes a gigabyte, five seconds or the stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import hostile_costs
from tests.helpers.assert_refused import assert_is_a_sentence
from tests.helpers.support import run_python


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str, int, float]]:
    """Of every file: its path, its error, the memory and the seconds it took."""
    folder = tmp_path_factory.mktemp("costs")
    done = run_python("-W", "ignore", "-m", "tests.helpers.resource_limits", str(folder), OMP_NUM_THREADS="1")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {case: (folder / "weights", said, nbytes, seconds) for case, said, nbytes, seconds in lines}


@pytest.mark.parametrize("case", hostile_costs.CASES)
def test_costs(case: str, costs: dict[str, tuple[Path, str, int, float]]) -> None:
    path, said, nbytes, seconds = costs[case]
    assert_is_a_sentence(said, path)
    assert nbytes < 2**30 and seconds < 5
