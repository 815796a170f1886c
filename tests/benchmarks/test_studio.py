"""The benchmark of the studio: its statistics, and a short run without a browser."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks.studio import markdown, random_states
from benchmarks.studio_client import lag, percentile
from benchmarks.studio_server import StudioServer
from styleclip.studio.states.read_state import read_state
from tests.helpers.bench_runner import run_bench_json
from tests.helpers.support import environment


def test_percentiles() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.95) == 3 and percentile(range(1, 101), 0.95) == 95
    assert lag([0.1, 0.2, 0.6], 1.5) == {"per_second": 2.0, "median": 0.2, "p95": 0.6}


def test_random_states_are_valid_and_differ() -> None:
    states = random_states(0, 20)
    assert states == random_states(0, 20) and states != random_states(1, 20)
    assert all(read_state(state).faults == {} for state in states)
    assert len({state["face"]["seed"] for state in states}) > 15 and {len(state["rows"]) for state in states} > {0, 3}


def test_a_short_run(python: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("benchmarks.studio.StudioServer", partial(StudioServer, python=python))
    found = run_bench_json("studio", "--frames", "12", "--clients", "2", "--clicks", "3", "--no-browser")["results"]
    assert [row["name"] for row in found] == ["one client, 1 row", "one client, 4 rows", "2 clients"]
    assert [row["frames"] for row in found] == [12, 1, 6] and found[2]["wrong"] == 0
    for row in found:
        assert 0 < row["median"] <= row["p95"] and row["per_second"] > 0
    assert "Memory of the server" in markdown(found)
