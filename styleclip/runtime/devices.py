"""Devices, precisions, and settings of the CPU's memory allocator."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

import torch

from styleclip.errors import UsageError

MALLOPT_TRIM_THRESHOLD, MALLOPT_MMAP_MAX = -1, -4  # of glibc's malloc.h
DTYPES = {"auto": torch.float32, "float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class DistributedEnv:
    """A process of torchrun: `rank` of `world_size`, and `local_rank` on its machine."""

    rank: int
    world_size: int
    local_rank: int

    @staticmethod
    def from_environ() -> DistributedEnv | None:
        """From the environment variables of torchrun; None for a process that torchrun did not start."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        if any(name not in os.environ for name in names):
            return None
        return DistributedEnv(*(int(os.environ[name]) for name in names))

    def device(self, name: str) -> str:
        """The name of the device; "auto" becomes the GPU of this process if there are GPUs."""
        return f"cuda:{self.local_rank}" if name == "auto" and torch.cuda.is_available() else name


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`: `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:1`.

    Raises UsageError where there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"{name!r} is not a device; use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"{name!r} is not supported; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        _check_cuda(name, device.index or 0)
    return device


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """The precision called `name`: `auto` (float32, the precision of every published number), `float32`, `bfloat16`.

    Raises UsageError for another name, and for bfloat16 on a GPU that lacks it.
    """
    if name not in DTYPES:
        raise UsageError(f"{name!r} is not a precision; use {', '.join(DTYPES)}")
    dtype = DTYPES[name]
    if dtype is torch.bfloat16 and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UsageError(f"{torch.cuda.get_device_name(device)} has no bfloat16; use float32")
    return dtype


def keep_memory() -> bool:
    """Keep freed CPU memory in this process for later tensors (mallopt); False where the C library has no mallopt.

    By default glibc returns every large block to the system, and a new one is zeroed page by page, which takes a third
    of the time of an image of 1024 px. The setting affects the whole process, so only the command line makes it, not
    the import of the package.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    return bool(mallopt(MALLOPT_MMAP_MAX, 0) == mallopt(MALLOPT_TRIM_THRESHOLD, -1) == 1)


def _check_cuda(name: str, index: int) -> None:
    if not torch.cuda.is_available():
        raise UsageError(f"torch {torch.__version__} finds no CUDA device; use the device cpu or auto")
    count = torch.cuda.device_count()
    if index >= count:
        raise UsageError(f"there is no {name}; this machine has cuda:0 to cuda:{count - 1}")
