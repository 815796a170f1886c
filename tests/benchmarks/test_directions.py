"""The benchmark of useful ranges: the judge's range, and the table."""

from __future__ import annotations

import math

import pytest
import torch

from benchmarks import directions
from benchmarks.directions import disagreement, is_within
from styleclip.demo.world import ATTRIBUTES
from tests.helpers.bench_runner import run_bench_json


def test_the_judge_has_a_range_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "find_range", lambda *_: (-2.0, 3.0))
    monkeypatch.setattr(directions, "calibrated", lambda found, _: found)
    monkeypatch.setattr(directions, "markdown", lambda rows: "")
    [row] = run_bench_json("directions", "--set", "tuning")["results"]
    assert row["text"] == "a woman with ginger hair"
    assert row["judge"][0] < 0 < row["judge"][1]
    assert row["ratios"] == pytest.approx([row["found"][i] / row["judge"][i] for i in (0, 1)])


def test_the_judge_disagrees_where_another_attribute_changed_or_a_claim_was_lost() -> None:
    before = {each.name: torch.eye(len(each.states))[:1].repeat(3, 1) for each in ATTRIBUTES}
    after = {name: values.clone() for name, values in before.items()}
    after["age"][1] = torch.tensor([0.1, 0.9])
    after["beard"][2] = torch.tensor([0.1, 0.9])
    claims = {"beard": 0}
    assert disagreement(before, after, {}, claims).tolist() == [False, True, False]
    assert disagreement(before, after, claims, claims).tolist() == [False, True, True]


def test_the_table_counts_what_is_near() -> None:
    row = {"text": "a face", "unit": 2.0, "found": (-1.0, 2.0), "judge": (-2.0, 2.2), "ratios": [0.5, 0.91]}
    far = {**row, "ratios": [math.nan, 0.76]}
    assert "2 of 2 above 0, 0 of 2 below 0, 0 on both sides" in directions.markdown([row, far])
    assert [is_within(each) for each in (0.75, 1.25, 1.26, math.nan)] == [True, True, False, False]
