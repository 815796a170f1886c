"""Choice of the implementation: compiled kernels where they are built, else the plain-torch twins.

A library is loaded at the first call of an op, and the outcome is cached.
"""

import os
import warnings
from collections.abc import Callable
from threading import RLock

import torch
from torch import Tensor

from cuda_ops.build import TARGETS
from cuda_ops.cache import KernelCacheWarning, library_path, rejection_reason

CHOICES = ("auto", "native", "reference")

_reasons: dict[str, str | None] = {}  # by target that was tried: why its kernels do not run, or None
_load_hooks: list[Callable[[], None]] = []
_lock = RLock()


def backend() -> str:
    """`"native"` where the compiled kernels are used, on the CPU at least, else `"reference"`."""
    return "native" if use_native() else "reference"


def use_native(x: Tensor | None = None) -> bool:
    """Whether the compiled kernel serves `x`.

    Raises ValueError for an unknown `STYLECLIP_OPS` and RuntimeError where `native` is asked for and absent.
    """
    device = "cpu" if x is None else x.device.type
    return device in TARGETS and _supports(device)


def on_library_load(register: Callable[[], None]) -> Callable[[], None]:
    """Decorator: call `register` once, after the library is loaded; never where the plain-torch twins run.

    For `register_fake` and `register_autograd`, which need the operations to exist.
    """
    with _lock:
        _load_hooks.append(register)
        if _reasons.get("cpu", "") is None:
            register()
    return register


def unavailable_reason(target: str) -> str | None:
    """Why the compiled kernels of `target` do not run here, or None where they do. Loads, but never compiles them."""
    with _lock:
        if target not in _reasons:
            _reasons[target] = _load(target)
        return _reasons[target]


def _supports(target: str) -> bool:
    choice = os.environ.get("STYLECLIP_OPS", "auto")
    if choice == "reference":
        return False
    if choice not in CHOICES:
        raise ValueError(f"STYLECLIP_OPS={choice} is not one of {', '.join(CHOICES)}")
    reason = _reasons[target] if target in _reasons else unavailable_reason(target)
    if reason and choice == "native":
        raise RuntimeError(f"STYLECLIP_OPS=native, but {reason}; run `styleclip doctor --build`")
    return not reason


# torch.compile calls this function untraced and treats its result as a constant, so that no file is loaded in a trace.
# The decorator torch.compiler.assume_constant_result sets the same attribute, but imports the whole compiler.
_supports._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _load(target: str) -> str | None:
    if target == "cuda" and (reason := unavailable_reason("cpu")):
        return reason  # the library for the CPU defines the operations
    try:
        path, rejection = library_path(target), rejection_reason(target)
        if rejection:
            warnings.warn(rejection, KernelCacheWarning, stacklevel=2)
        if path is None:
            return rejection or f"the {target} kernels are not built for this torch on this machine"
        torch.ops.load_library(path)
        if target == "cuda":
            _try_on_gpu()
        else:
            for register in _load_hooks:
                register()
    except (OSError, RuntimeError) as error:
        cause = error.__cause__ or error  # the message of the linker
        return f"the {target} kernels do not load: {' '.join(str(cause).split())}"
    return None


def _try_on_gpu() -> None:
    """Raise RuntimeError where the library has no code for this GPU."""
    torch.ops.cuda_ops.bias_act(torch.zeros(1, 1, device="cuda"), None, None, None, 1.0, 1.0, None)
