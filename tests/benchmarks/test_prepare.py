"""The benchmark of preparing a relevance table: hours follow from the rates, and the table has every layer."""

from __future__ import annotations

from typing import Any

import pytest

import styleclip
from benchmarks.prepare import markdown
from tests.helpers.bench_runner import run_bench, run_bench_json


@pytest.fixture(scope="module")
def demo() -> dict[str, Any]:
    """The result for the demo models."""
    [demo] = run_bench_json("prepare", "--demo-only")["results"]
    return dict(demo)


def test_the_hours(demo: dict[str, Any]) -> None:
    """They follow from the rates and the channels of the layers."""
    layout = styleclip.load("demo", identity="none").generator.layout
    hours = {"all": 0.0, "convolutions": 0.0}
    for layer in demo["layers"]:
        kind = layer["layer"] == "toRGB"
        count = sum(e.channels for e in layout.entries if (e.resolution, e.is_torgb) == (layer["resolution"], kind))
        for name in ("all",) if kind else ("all", "convolutions"):
            hours[name] += 200 * count / layer["rate"] / 3600
    assert demo["hours"] == pytest.approx(hours)
    assert demo["channels"] == {"convolutions": int((~layout.torgb_mask()).sum()), "all": layout.size}


def test_the_time_of_samples(demo: dict[str, Any]) -> None:
    """It is that of the renders and of the fits."""
    regression = demo["regression"]
    assert (regression["samples"], regression["resolution"]) == (2000, 128)
    assert regression["seconds"] == pytest.approx(2000 / regression["rate"] + regression["fit_seconds"])


def test_the_table(demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the rates that were measured above."""
    monkeypatch.setattr("benchmarks.prepare.measure_rates", lambda *_: demo)
    monkeypatch.setattr("benchmarks.prepare.measure_regression", lambda *_: demo["regression"])
    layout = styleclip.load("demo", identity="none").generator.layout
    printed = run_bench("prepare", "--demo-only")
    for table in (printed, markdown(demo)):
        assert (
            table.count("| toRGB, ") == table.count("| convolutions, ") == len({e.resolution for e in layout.entries})
        )
        assert f"all {layout.size:,} take " in table
        assert "Regression: 2,000 samples at 128 px" in table
