"""The benchmark of strokes: a row for each number of them, and one for the dense rasteriser, which draws the same."""

from __future__ import annotations

import torch

from benchmarks.strokes import random_strokes, rasterise_densely
from styleclip.canvases.strokes.rasteriser import rasterise
from tests.helpers.bench_runner import run_bench_json


def test_strokes_are_timed_and_compared_with_the_dense_rasteriser() -> None:
    rows = run_bench_json("strokes")["results"]
    assert [(row["what"], row["strokes"]) for row in rows] == [("boxes", 4), ("boxes", 16), ("dense", 4)]
    assert (
        all(row["ms"] > 0 and row["cpu_ms"] > 0 for row in rows) and rows[-1]["ratio"] == 1 and rows[1]["ratio"] is None
    )


def test_the_dense_rasteriser_draws_the_same() -> None:
    strokes = random_strokes(4, 48, torch.device("cpu")).detach()
    error = (rasterise(strokes, (48, 48)) - rasterise_densely(strokes, (48, 48))).abs()
    assert error.mean() < 2 / 255
