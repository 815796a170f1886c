"""Devices, precisions, and settings of the CPU's memory allocator."""

from __future__ import annotations

import ctypes
import os
import re
import warnings
from dataclasses import dataclass

import torch

from styleclip.errors import UsageError

MALLOPT_TRIM_THRESHOLD, MALLOPT_MMAP_MAX = -1, -4  # of glibc's malloc.h
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
WHOLE = "RANK, WORLD_SIZE and LOCAL_RANK as whole numbers"
REMEDY = "start it with torchrun, or unset RANK, WORLD_SIZE and LOCAL_RANK to work alone"
DTYPES = {"auto": torch.float32, "float32": torch.float32, "bfloat16": torch.bfloat16}


class DistributedWarning(UserWarning):
    """A process that takes itself for one of several."""


@dataclass(frozen=True)
class DistributedEnv:
    """A process of torchrun: `rank` of `world_size`, and `local_rank` on its machine."""

    rank: int
    world_size: int
    local_rank: int

    @staticmethod
    def from_environ() -> DistributedEnv | None:
        """From the environment variables of torchrun; None for a process without RANK.

        Warns where torchrun did not set them. Raises UsageError where one is missing or no sensible number.
        """
        if "RANK" not in os.environ:
            if os.environ.get("WORLD_SIZE", "1") != "1":
                text = f"the environment has WORLD_SIZE={os.environ['WORLD_SIZE']}, but no RANK, so it is ignored"
                warnings.warn(f"{text}; start it with torchrun to share the work", DistributedWarning, stacklevel=2)
            return None
        numbers = {name: os.environ.get(name, "") for name in NAMES}
        given = ", ".join(f"{name}={value}" for name, value in numbers.items() if value)
        if not all(re.fullmatch(r"\d{1,5}", value, re.ASCII) for value in numbers.values()):
            raise UsageError(f"the environment has {given or 'an empty RANK'}, not {WHOLE}; {REMEDY}")
        env = DistributedEnv(*map(int, numbers.values()))
        if not (env.rank < env.world_size and env.local_rank < env.world_size):
            raise UsageError(f"the environment has {given}, but ranks count from 0 to WORLD_SIZE - 1; {REMEDY}")
        if env.world_size > 1 and not env.is_of_torchrun:
            text = f"the environment has {given}, so this process does its share of the work only; {REMEDY}"
            warnings.warn(text, DistributedWarning, stacklevel=2)
        return env

    @property
    def is_of_torchrun(self) -> bool:
        """Whether torchrun set the variables; they may also be left over, or set by other means."""
        return "TORCHELASTIC_RUN_ID" in os.environ

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
