"""The peak of memory within a block."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from styleclip.runtime import peak_memory
from styleclip.runtime.peak_memory import PeakMemory

MIB = 2**20


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_the_peak_is_that_of_the_block() -> None:
    torch.ones(200 * MIB // 4)  # gone before the block
    with PeakMemory(torch.device("cpu")) as small:
        pass
    with PeakMemory(torch.device("cpu")) as large:
        torch.ones(100 * MIB // 4)
    assert small.mib is not None and large.mib is not None and 90 < large.mib - small.mib < 150


def test_without_proc_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_memory, "PROCESS", tmp_path / "absent")
    with PeakMemory(torch.device("cpu")) as peak:
        pass
    assert peak.mib is None
