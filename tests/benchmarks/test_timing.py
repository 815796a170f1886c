"""Timers and options of the benchmarks."""

from __future__ import annotations

import os

import pytest
import torch
from click.testing import CliRunner

from benchmarks.__main__ import NAMES, main
from benchmarks.timing import Measurement, make_repeating_timer, time_call, time_in_turns
from benchmarks.tools import environment, headline, with_ops
from tests.helpers.bench_runner import SMALL
from tests.helpers.support import failed


def test_all_take_turns() -> None:
    order: list[str] = []

    def timer(name: str) -> float:
        order.append(name)
        return float(len(order))

    assert time_in_turns({"a": lambda: timer("a"), "b": lambda: timer("b")}, 2) == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert order == ["a", "b"] * 3


def test_ratios() -> None:
    one, other = Measurement("x", "", (2.0, 1.0, 9.0), 100, 10), Measurement("y", "", (4.0, 4.0), 400, 100)
    assert (one.median, one.minimum) == (2.0, 1.0)
    expected = {"ratio": 0.5, "least_ratio": 0.25, "memory_ratio": 0.25, "beyond_ratio": 0.1}
    assert one.ratios_to(other) == pytest.approx(expected)


def test_short_work_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of 2^-10 s runs 21 times in 0.02 s, after one run to warm up and one to measure it."""
    calls: list[None] = []
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: len(calls) / 1024)
    timer = make_repeating_timer(lambda: calls.append(None), torch.device("cpu"))
    assert timer() == 1 / 1024 and len(calls) == 1 + 1 + 21
    assert timer() == 1 / 1024 and len(calls) == 2 + 2 * 21


def test_what_comes_of_the_work() -> None:
    seconds, value = time_call(lambda: 7, torch.device("cpu"), 2)
    assert seconds > 0 and value == 7


def test_kernels_are_chosen_for_the_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read = with_ops("reference", lambda: os.environ["STYLECLIP_OPS"])
    monkeypatch.setenv("STYLECLIP_OPS", "auto")
    assert (read(), os.environ["STYLECLIP_OPS"]) == ("reference", "auto")
    monkeypatch.delenv("STYLECLIP_OPS")
    assert (read(), "STYLECLIP_OPS" in os.environ) == ("reference", False)


def test_the_networks_are_the_same_each_time() -> None:
    one, other = (SMALL.models(1024).generator.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not any(p.requires_grad for p in SMALL.models(1024).generator.parameters())
    assert all(p.requires_grad for p in SMALL.models(1024, frozen=False).clip.parameters())


def test_the_line_above_the_tables() -> None:
    told = environment(SMALL)
    assert told["machine"] and told["threads"] == 1 and told["torch"] == torch.__version__
    assert headline(SMALL).startswith(f"{told['machine']}, 1 thread, torch {torch.__version__}, commit ")


@pytest.mark.parametrize("name", NAMES)
def test_every_bench_has_the_common_options(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"]).stdout
    assert all(f"--{option}" in shown for option in ("json", "device", "dtype", "threads", "quick", "networks"))


def test_refusals() -> None:
    failed(CliRunner().invoke(main, ["ops", "--device", "cuda:99"]), 1, "CUDA")
    failed(CliRunner().invoke(main, ["ops", "--dtype", "int8"]), 1, "int8")
