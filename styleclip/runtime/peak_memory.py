"""The most memory that some work takes."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import torch

MIB = 2**20
PROCESS = Path("/proc/self")


class PeakMemory:
    """The most memory in use within the block: of a GPU that of torch, else that of the process; `mib` in MiB.

    `mib` is None where it cannot be known: on a CPU without Linux's /proc.

    Example:
        with PeakMemory(models.device) as peak:
            models.render(latent)
        print(peak.mib)
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.mib: float | None = None

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            _return_freed_memory()
            self._can_reset = _reset_process_peak()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.device.type == "cuda":
            self.mib = torch.cuda.max_memory_allocated(self.device) / MIB
        elif self._can_reset:
            self.mib = _process_peak_mib()


def _return_freed_memory() -> None:
    """Return freed memory to the system (malloc_trim(3)), so that earlier work does not count; glibc only."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _reset_process_peak() -> bool:
    """Set the peak of the process (VmHWM) to what it uses now; whether that is possible (proc(5), clear_refs)."""
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _process_peak_mib() -> float | None:
    lines = (PROCESS / "status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)
