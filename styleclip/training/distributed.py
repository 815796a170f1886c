"""Data-parallel training on several processes (torch.distributed)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from styleclip.errors import UsageError
from styleclip.runtime.devices import REMEDY, DistributedEnv

JOIN_SECONDS = {True: 300, False: 30}  # to wait for other processes: those of torchrun, and any


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
    """The group of the processes that torchrun started; without torchrun, a group of one.

    Raises UsageError where the other processes do not come within JOIN_SECONDS.
    """
    if env is None or env.world_size == 1:
        yield ProcessGroup()
        return
    _join(env, "nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(env.rank, env.world_size)
    finally:
        torch.distributed.destroy_process_group()


def _join(env: DistributedEnv, backend: str) -> None:
    """Meet the other processes, and make the group of all."""
    seconds = JOIN_SECONDS[env.is_of_torchrun]
    try:
        store, rank, world_size = next(rendezvous("env://", timeout=timedelta(seconds=seconds)))
        store.set_timeout(torch.distributed.constants.default_pg_timeout)
        torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    except (ValueError, RuntimeError) as error:
        place = ":".join(os.environ.get(name, f"(no {name})") for name in ("MASTER_ADDR", "MASTER_PORT"))
        who = f"process {env.rank} of {env.world_size} (RANK, WORLD_SIZE)"
        raise UsageError(f"{who} met no others at {place} within {seconds} s; {REMEDY}") from error
