"""What a GPU has left, and work that takes fewer pictures at once where the memory does not suffice."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import torch

from styleclip.errors import NoMemoryError
from styleclip.runtime import cuda_graphs

WORDS = ("DefaultCPUAllocator", "bad_alloc", "ALLOC_FAILED")  # of torch, of C++, of cuBLAS and cuDNN
Result = TypeVar("Result")
SliceableT = TypeVar("SliceableT", bound="Sliceable")


class Sliceable(Protocol):
    """What can be cut into parts: a latent, a tensor, a range."""

    def __len__(self) -> int: ...

    def __getitem__(self: SliceableT, part: slice, /) -> SliceableT: ...


def free_bytes(device: torch.device) -> int:
    """The bytes that tensors on a GPU may still take: what the driver has left, and what torch holds without use."""
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + held


class Batches:
    """Work on at most `size` rows at a time.

    When memory runs out, `size` is halved for good and the rows that were at work are taken up again; all others are
    worked on once, and all in their order. So work must leave nothing behind before it returns.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, work: Callable[[SliceableT], Result], rows: SliceableT) -> Iterator[Result]:
        """The results of all parts of `rows`; raises NoMemoryError where a single row is too much."""
        start = 0
        while start < len(rows):
            part, short = rows[start : start + self.size], False
            try:
                result = work(part)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise NoMemoryError(_remedy(error)) from error
                short = True
            if short:  # outside of `except`, where the error would hold what the work has made so far
                self.size = len(part) // 2
                release_memory()
                continue
            yield result
            start += len(part)


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was too little memory, on a GPU or for the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in WORDS)


def release_memory() -> None:
    """Give back the memory that is held to be fast: graphs, and what torch keeps for tensors to come."""
    cuda_graphs.forget()
    gc.collect()
    torch.cuda.empty_cache()


def _remedy(error: Exception) -> str:
    if isinstance(error, torch.OutOfMemoryError) or "ALLOC_FAILED" in str(error):
        return "the GPU has no memory for a single picture; end what else runs there, or pass --device cpu"
    return "there is no memory for a single picture; close other programs, or pass --dtype bfloat16"
