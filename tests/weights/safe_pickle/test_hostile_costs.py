"""No file takes a gigabyte, the stack or 30 seconds of the processor, at which its process is ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import hostile_costs
from tests.helpers.assert_refused import assert_is_a_sentence
from tests.helpers.support import run_python


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory, python: list[str]) -> dict[str, tuple[Path, str, int]]:
    """Of every file: its path, its error and the memory it took."""
    folder = tmp_path_factory.mktemp("costs")
    done = run_python("-m", "tests.helpers.resource_limits", str(folder), python=python)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {case: (folder / "weights", said, nbytes) for case, said, nbytes in lines}


@pytest.mark.parametrize("case", hostile_costs.CASES)
def test_costs(case: str, costs: dict[str, tuple[Path, str, int]]) -> None:
    path, said, nbytes = costs[case]
    assert_is_a_sentence(said, path)
    assert nbytes < 2**30
