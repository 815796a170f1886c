"""The variables of torchrun in the environment: read strictly, and never waited for in silence."""

from __future__ import annotations

import time

import pytest
import torch

from styleclip.errors import UsageError
from styleclip.runtime.devices import DistributedEnv, DistributedWarning
from styleclip.training import distributed
from styleclip.training.distributed import process_group

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def put(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


WRONG = [
    {"RANK": "a"},
    {"RANK": "0"},
    {"RANK": ""},
    {"RANK": "a", "WORLD_SIZE": "2", "LOCAL_RANK": "0"},
    {"RANK": "0", "WORLD_SIZE": "two", "LOCAL_RANK": "0"},
    {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": ""},
    {"RANK": "-1", "WORLD_SIZE": "2", "LOCAL_RANK": "0"},
    {"RANK": "2", "WORLD_SIZE": "2", "LOCAL_RANK": "0"},
    {"RANK": "0", "WORLD_SIZE": "0", "LOCAL_RANK": "0"},
    {"RANK": "0", "WORLD_SIZE": "9" * 30, "LOCAL_RANK": "0"},
    {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "2"},
    {"RANK": "\u0661", "WORLD_SIZE": "2", "LOCAL_RANK": "0"},
]


@pytest.mark.parametrize("values", WRONG)
def test_senseless_values_are_one_sentence(values: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, **values)
    with pytest.raises(UsageError, match="^the environment has .*; start it with torchrun, or unset RANK"):
        DistributedEnv.from_environ()


def test_left_over_variables_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DistributedEnv.from_environ() is None
    put(monkeypatch, RANK="0", WORLD_SIZE="1", LOCAL_RANK="0")
    assert DistributedEnv.from_environ() == DistributedEnv(0, 1, 0)
    put(monkeypatch, WORLD_SIZE="4")
    with pytest.warns(DistributedWarning, match="does its share of the work only; start it with torchrun, or unset"):
        assert DistributedEnv.from_environ() == DistributedEnv(0, 4, 0)
    put(monkeypatch, TORCHELASTIC_RUN_ID="1")
    assert DistributedEnv.from_environ() == DistributedEnv(0, 4, 0)


@pytest.mark.parametrize("address", [{}, {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}, {"MASTER_ADDR": "x"}])
def test_nobody_comes(address: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, RANK="0", WORLD_SIZE="2", LOCAL_RANK="0", **address)
    monkeypatch.setattr(distributed, "JOIN_SECONDS", {True: 1, False: 1})
    started = time.monotonic()
    with (
        pytest.raises(UsageError, match="process 0 of 2 .* met no others at .* within 1 s; start it with torchrun"),
        process_group(DistributedEnv(0, 2, 0), torch.device("cpu")),
    ):
        pass
    assert time.monotonic() - started < 20
