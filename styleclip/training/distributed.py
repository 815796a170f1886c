"""The processes that share a training, and what they tell each other (torch.distributed)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.runtime.devices import Torchrun


@dataclass(frozen=True)
class Workers:
    """This process, `rank` of `count`; all of them hold the same networks and each takes its share of every batch."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """The rows of a batch that are this process's."""
        return rows[self.rank :: self.count]

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one message."""
        if self.count == 1:
            return
        own = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in own])
        torch.distributed.all_reduce(flat)
        for tensor, part in zip(own, flat.split([tensor.numel() for tensor in own]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.count > 1:
            torch.distributed.barrier()


@contextmanager
def workers(told: Torchrun | None, device: torch.device) -> Iterator[Workers]:
    """Meet the other processes that torchrun started, if it did."""
    if told is None or told.count == 1:
        yield Workers()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Workers(told.rank, told.count)
    finally:
        torch.distributed.destroy_process_group()
