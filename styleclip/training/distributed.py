"""Data-parallel training on several processes (torch.distributed)."""

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
        """This process's rows of a batch: every `world_size`-th."""
        return rows[self.rank :: self.world_size]

    def all_reduce(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one message."""
        if self.world_size == 1:
            return
        tensors = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        for tensor, total in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def barrier(self) -> None:
        """Wait until all processes have come here."""
        if self.world_size > 1:
            torch.distributed.barrier()


@contextmanager
def process_group(env: DistributedEnv | None, device: torch.device) -> Iterator[ProcessGroup]:
    """The group of the processes that torchrun started; without torchrun, a group of one."""
    if env is None or env.world_size == 1:
        yield ProcessGroup()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(env.rank, env.world_size)
    finally:
        torch.distributed.destroy_process_group()
