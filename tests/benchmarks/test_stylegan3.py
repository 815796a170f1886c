"""The benchmark of StyleGAN3: its rows and its table."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.generator import BACKWARD, FORWARD, PUBLISHED
from benchmarks.stylegan3 import WORKS, markdown, measure
from benchmarks.tools import Setup
from tests.helpers.bench_runner import SMALL
from tests.helpers.tiny_stylegan3 import tiny_stylegan3


@pytest.mark.parametrize("published", [False, True])
def test_the_rows(monkeypatch: pytest.MonkeyPatch, published: bool) -> None:
    monkeypatch.setattr(Setup, "generator", lambda setup, side: tiny_stylegan3("r"))
    monkeypatch.setattr("benchmarks.tools.keep_memory", lambda: None)
    rows = measure(SMALL, 32, published, "reference", WORKS)
    assert [row["work"] for row in rows] == [FORWARD, BACKWARD]
    assert all(row["seconds"] > 0 and row["memory"] > 0 for row in rows)
    assert rows[0]["memory"] <= rows[1]["memory"]


def test_the_table() -> None:
    rows: list[dict[str, Any]] = [
        {"config": "T", "name": name, "work": FORWARD, "seconds": seconds, "memory": memory * 2**30}
        for name, seconds, memory in (("ours", 1.5, 2), (PUBLISHED, 6.0, 8))
    ]
    assert markdown(rows).splitlines()[2:] == [
        "| T, forward: ours | 1.5 (0.25) | 2 (0.25) |",
        "| T, forward: published | 6 (1.00) | 8 (1.00) |",
    ]
