"""The benchmark of the native operations: every operation in every form, and the ratios."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from benchmarks.ops import LAYOUTS, TWO_PASSES, Case, cases, markdown, operations
from tests.helpers.bench_runner import SMALL, run_bench_json


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Both precisions, as none is asked for."""
    return list(run_bench_json("ops", "--repeats", "1")["results"])


def test_the_rows(rows: list[dict[str, Any]]) -> None:
    names = ["bias_act", "upfirdn2d", "upfirdn2d, up 2", "blur_act", TWO_PASSES]
    passes = product(("float32", "bfloat16"), LAYOUTS, names, ("forward", "backward"))
    assert [(row["dtype"], row["layout"], row["op"], row["pass"]) for row in rows] == list(passes)
    for row in rows:
        assert row["copy"] > 0 and row["twin"] > 0 and row["resolution"] == 64
        if "native" in SMALL.kernels:
            assert row["times_as_fast"] == pytest.approx(row["twin"] / row["native"]) and row["of_copy"] > 0
        else:
            assert row["native"] is row["times_as_fast"] is row["of_copy"] is None


def test_the_tables(rows: list[dict[str, Any]]) -> None:
    first, second = markdown(rows).split("\n\n")
    assert len(first.splitlines()) == 2 + 2 * 2 * 5 and {line.count("|") for line in first.splitlines()} == {12}
    assert [line.split(" | ")[2:4] for line in second.splitlines()[2:]] == [
        [layout, dtype] for dtype in ("float32", "bfloat16") for layout in LAYOUTS
    ]


def test_one_precision_is_asked_for() -> None:
    setup = replace(SMALL, dtypes=(torch.bfloat16,))
    assert {case.x.dtype for case in cases(setup, 64)} == {torch.bfloat16}


def test_blur_act_is_what_it_is_compared_with() -> None:
    made = operations(64, 1, torch.zeros(()))
    x = torch.randn(1, 512, 65, 65, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made["blur_act"].run(x), made[TWO_PASSES].run(x), rtol=1e-4, atol=1e-4)


def test_the_bytes_of_a_case() -> None:
    found = {case.name: case.bytes_moved() for case in cases(SMALL, 64)}
    picture, larger, skip = 4 * 512 * 64**2, 4 * 512 * 65**2, 4 * 3 * 64**2
    assert found["bias_act"] == {"forward": 2 * picture, "backward": 3 * picture}
    assert found["upfirdn2d, up 2"] == {"forward": skip + skip // 4, "backward": skip + skip // 4}
    assert found["blur_act"] == {"forward": larger + picture, "backward": 2 * larger + picture}


def test_a_backward_has_the_gradient_of_the_scale() -> None:
    [case] = [case for case in cases(SMALL, 64) if case.name == "bias_act" and case.layout == "NCHW"]
    assert isinstance(case, Case)
    of_x, of_scale = case.works()["backward"]()
    assert of_x.shape == case.x.shape and of_scale.shape == (1, 512) and of_scale.abs().max() > 0


def test_filtered_lrelu_has_the_shapes_of_a_layer() -> None:
    made = operations(256, 1, torch.zeros(()))
    assert [
        (made[f"filtered_lrelu, config {each}"].channels, made[f"filtered_lrelu, config {each}"].side) for each in "TR"
    ] == [
        (203, 278),
        (406, 276),
    ]
    x = torch.randn(1, 203, 278, 278, generator=torch.Generator().manual_seed(0))
    assert made["filtered_lrelu, config T"].run(x).shape == (1, 203, 276, 276)
