"""Which implementation runs: the compiled library when there is one, else the plain-torch twins."""

import os
from pathlib import Path

import torch
from torch import Tensor

CHOICES = ("auto", "native", "reference")
LIBRARY = Path(__file__).with_name("_C.so")  # built on request; registers torch.ops.cuda_ops.*
AVAILABLE = LIBRARY.exists()
if AVAILABLE:
    torch.ops.load_library(LIBRARY)


def backend() -> str:
    """`"native"` where the compiled kernels are used, else `"reference"`."""
    return "native" if use_native() else "reference"


def use_native(x: Tensor | None = None) -> bool:
    """Whether the compiled kernel serves `x`.

    Raises ValueError for an unknown `STYLECLIP_OPS` and RuntimeError where `native` is asked for and absent.
    """
    choice = os.environ.get("STYLECLIP_OPS", "auto")
    if choice not in CHOICES:
        raise ValueError(f"STYLECLIP_OPS={choice} is not one of {', '.join(CHOICES)}")
    if choice == "reference":
        return False
    if choice == "native" and not AVAILABLE:
        raise RuntimeError("STYLECLIP_OPS=native, but no compiled kernels are installed; use auto or reference")
    return AVAILABLE and (x is None or x.device.type in ("cpu", "cuda"))
