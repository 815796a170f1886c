"""What the bits of a result depend on besides its settings and weights: threads, vector instructions, ops, GPU."""

from __future__ import annotations

from typing import Any

import torch

from cuda_ops import backend


def machine_record() -> dict[str, Any]:
    """The record of this machine for the provenance of a result.

    `threads` of torch and `cpu`, its widest vector instructions, change the order of sums; `ops` is "native" or
    "reference". `gpu` is the name of the GPU, where one is in use.
    """
    record = {"threads": torch.get_num_threads(), "cpu": torch.backends.cpu.get_cpu_capability(), "ops": backend()}
    return {**record, "gpu": torch.cuda.get_device_name()} if torch.cuda.is_initialized() else record
