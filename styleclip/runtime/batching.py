"""Batches that are halved on out-of-memory, and the free memory of a GPU."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import torch

from styleclip.errors import NoMemoryError
from styleclip.runtime import cuda_graphs

OUT_OF_MEMORY = ("DefaultCPUAllocator", "bad_alloc", "ALLOC_FAILED")  # in errors by torch, C++, cuBLAS, cuDNN
Result = TypeVar("Result")
SliceableT = TypeVar("SliceableT", bound="Sliceable")


class Sliceable(Protocol):
    """A latent, a tensor, a range: a sequence of rows whose slices are of the same type."""

    def __len__(self) -> int: ...

    def __getitem__(self: SliceableT, part: slice, /) -> SliceableT: ...


def free_bytes(device: torch.device) -> int:
    """Bytes available for tensors on a GPU: the free memory of the driver and the unused cache of torch."""
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + held


class Batches:
    """Run work on batches of at most `size` rows, in order.

    On out-of-memory `size` is halved for the rest of the run and the failed batch is retried, so `work` must be free of
    side effects.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, work: Callable[[SliceableT], Result], rows: SliceableT) -> Iterator[Result]:
        """The result of every batch of `rows`; raises NoMemoryError where a single row does not fit."""
        start = 0
        while start < len(rows):
            batch, failed = rows[start : start + self.size], False
            try:
                result = work(batch)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise NoMemoryError(_remedy(error)) from error
                failed = True
            if failed:  # outside of `except`: the error holds the tensors of the failed batch
                self.size = len(batch) // 2
                release_memory()
                continue
            yield result
            start += len(batch)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a GPU or the CPU ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in OUT_OF_MEMORY)


def release_memory() -> None:
    """Free the memory of CUDA graphs and the cache of torch's allocator."""
    cuda_graphs.clear_all()
    gc.collect()
    torch.cuda.empty_cache()


def _remedy(error: Exception) -> str:
    if isinstance(error, torch.OutOfMemoryError) or "ALLOC_FAILED" in str(error):
        return "the GPU has no memory for a single image; stop other programs on it, or pass --device cpu"
    return "there is no memory for a single image; close other programs, or pass --dtype bfloat16"
