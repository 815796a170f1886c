"""Put tensors into a module, or say exactly which ones do not fit."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from torch import Tensor, nn

from styleclip.errors import WeightError

MENTIONED = 5  # names spelled out in an error

Module = TypeVar("Module", bound=nn.Module)


def fill(module: Module, tensors: Mapping[str, Tensor]) -> Module:
    """Copy every tensor into the parameter or buffer of its name, and freeze the module.

    Half precision is widened to the module's float32. Raises WeightError for missing, surplus or misshapen tensors.
    """
    own = module.state_dict()
    check_names(own, tensors)
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            expected, found = list(own[name].shape), list(tensor.shape)
            raise WeightError(f"{name} has shape {found} instead of {expected}; pass a file of this architecture")
    module.load_state_dict(tensors)
    return module.eval().requires_grad_(False)


def check_names(expected: Collection[str], found: Collection[str]) -> None:
    """Raise WeightError unless both hold the same names; the error mentions at most five of each kind."""
    missing = [name for name in expected if name not in found]
    surplus = [name for name in found if name not in expected]
    complaints = [f"{kind} {_mention(names)}" for kind, names in (("missing", missing), ("surplus", surplus)) if names]
    if complaints:
        raise WeightError(f"the tensors do not fit: {'; '.join(complaints)}; pass a complete file of this architecture")


def _mention(names: list[str]) -> str:
    rest = len(names) - MENTIONED
    return ", ".join(names[:MENTIONED]) + (f" and {rest} more" if rest > 0 else "")
