"""Strict loading of state dicts: missing, surplus, misshapen and non-finite tensors are errors that name them."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from styleclip.errors import WeightError
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, read_tensor

MAX_NAMES = 5  # listed in an error

Module = TypeVar("Module", bound=nn.Module)


def on_meta(make: Callable[[], Module]) -> Module:
    """The module that `make` builds, on the meta device: `load_strict` replaces its tensors by those of a file."""
    with torch.device("meta"):
        return make()


def tensors_sha256(tensors: Mapping[str, Tensor], about: str = "") -> str:
    """SHA-256 of a text and the names and float32 values of tensors, independent of the file format."""
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def load_strict(module: Module, tensors: Mapping[str, AnyTensor]) -> Module:
    """Assign these tensors to the parameters and buffers of the module and freeze it; float32 ones are not copied.

    Tensors of a file are read one by one, so at most one exists twice during conversion. Half precision becomes
    float32. Raises WeightError for missing, surplus, misshapen or empty tensors, and for values that are
    not finite.
    """
    expected = module.state_dict()
    check_keys(expected, tensors)
    for name, tensor in tensors.items():
        if tuple(tensor.shape) != tuple(expected[name].shape):
            shapes = f"has shape {list(tensor.shape)} instead of {list(expected[name].shape)}"
            raise WeightError(f"{name} {shapes}; pass a file of this architecture")
    ready = {name: _convert_tensor(name, read_tensor(tensor), expected[name].dtype) for name, tensor in tensors.items()}
    module.load_state_dict(ready, strict=True, assign=True)
    return module.eval().requires_grad_(False)


def _convert_tensor(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.is_complex() or tensor.is_floating_point() != dtype.is_floating_point:
        raise WeightError(f"{name} holds {tensor.dtype} numbers; pass a file of this architecture")
    if not tensor.numel():
        raise WeightError(f"{name} is empty; pass a complete file")
    converted = tensor.detach().to(dtype).contiguous()
    if not torch.stack(converted.aminmax()).isfinite().all():  # NaN passes through aminmax
        raise WeightError(f"{name} holds NaN or infinite numbers; download the file again")
    return converted


def check_keys(expected: Collection[str], found: Collection[str]) -> None:
    """Raise WeightError unless both hold the same names; the error lists at most five of each kind."""
    missing = [name for name in expected if name not in found]
    surplus = [name for name in found if name not in expected]
    complaints = [
        f"{kind} {_list_names(names)}" for kind, names in (("missing", missing), ("surplus", surplus)) if names
    ]
    if complaints:
        raise WeightError(f"the tensors do not fit: {'; '.join(complaints)}; pass a complete file of this architecture")


def _list_names(names: list[str]) -> str:
    rest = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")
