"""The processes that share a training, and what they tell each other (torch.distributed)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.runtime.devices import DistributedEnv


@dataclass(frozen=True)
class ProcessGroup:
    """This process, `rank` of `world_size`. Each holds the same networks and takes its share of every batch."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def shard(self, rows: Tensor) -> Tensor:
        """The rows of a batch that are this process's."""
        return rows[self.rank :: self.world_size]

    def all_reduce(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one message."""
        if self.world_size == 1:
            return
        own = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in own])
        torch.distributed.all_reduce(flat)
        for tensor, part in zip(own, flat.split([tensor.numel() for tensor in own]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def barrier(self) -> None:
        """Go on when all processes have come here."""
        if self.world_size > 1:
            torch.distributed.barrier()


@contextmanager
def process_group(told: DistributedEnv | None, device: torch.device) -> Iterator[ProcessGroup]:
    """Meet the other processes that torchrun started, if it did."""
    if told is None or told.world_size == 1:
        yield ProcessGroup()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(told.rank, told.world_size)
    finally:
        torch.distributed.destroy_process_group()
