"""Which implementation runs: the compiled kernels where there are some, else the plain-torch twins.

Libraries are loaded when an op first needs them, and what came of it is remembered.
"""

import os
from collections.abc import Callable
from threading import RLock

import torch
from torch import Tensor

from cuda_ops.build import TARGETS, library

CHOICES = ("auto", "native", "reference")

_troubles: dict[str, str | None] = {}  # by target, once it was tried: why its kernels do not run, or None
_on_load: list[Callable[[], None]] = []
_lock = RLock()


def backend() -> str:
    """`"native"` where the compiled kernels are used, on the CPU at least, else `"reference"`."""
    return "native" if use_native() else "reference"


def use_native(x: Tensor | None = None) -> bool:
    """Whether the compiled kernel serves `x`.

    Raises ValueError for an unknown `STYLECLIP_OPS` and RuntimeError where `native` is asked for and absent.
    """
    device = "cpu" if x is None else x.device.type
    return device in TARGETS and _serves(device)


def on_load(register: Callable[[], None]) -> Callable[[], None]:
    """Decorate what must run once the operations exist: `register_fake`, `register_autograd`.

    It is called when the library is loaded, once, and never where the twins run.
    """
    with _lock:
        _on_load.append(register)
        if _troubles.get("cpu", "") is None:
            register()
    return register


def trouble(target: str) -> str | None:
    """Why the compiled kernels of `target` do not run here, or None where they do. Loads them, and compiles nothing."""
    with _lock:
        if target not in _troubles:
            _troubles[target] = _load(target)
        return _troubles[target]


def _serves(target: str) -> bool:
    choice = os.environ.get("STYLECLIP_OPS", "auto")
    if choice == "reference":
        return False
    if choice not in CHOICES:
        raise ValueError(f"STYLECLIP_OPS={choice} is not one of {', '.join(CHOICES)}")
    reason = _troubles[target] if target in _troubles else trouble(target)
    if reason and choice == "native":
        raise RuntimeError(f"STYLECLIP_OPS=native, but {reason}; run `styleclip doctor --build`")
    return not reason


# While torch.compile traces an op, this is called as it is and its answer kept, so that no file is loaded in a trace.
# The decorator torch.compiler.assume_constant_result does this and nothing else, but imports the whole compiler.
_serves._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _load(target: str) -> str | None:
    if target == "cuda" and (reason := trouble("cpu")):
        return reason  # the library for the CPU defines the operations
    try:
        path = library(target)
        if path is None:
            return f"the {target} kernels are not built for this torch on this machine"
        torch.ops.load_library(path)
        if target == "cuda":
            _run_on_gpu()
        else:
            for register in _on_load:
                register()
    except (OSError, RuntimeError) as error:
        cause = error.__cause__ or error  # the linker's own words
        return f"the {target} kernels do not load: {' '.join(str(cause).split())}"
    return None


def _run_on_gpu() -> None:
    """Raise RuntimeError where the library has no code for this GPU."""
    torch.ops.cuda_ops.bias_act(torch.zeros(1, 1, device="cuda"), None, None, None, 1.0, 1.0, None)
