"""The tensors of a child, a generator that was adapted, and of its parent in one file (`weights/child_files.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats.configs import Tensors
from styleclip.weights.formats.messages import plain_line
from styleclip.weights.lineage import PARENT, REMEDY
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor

PREFIX = "parent."  # begins the names of the tensors of the parent
MAX_NAME_CHARS = 60  # in an error


def split_parent(tensors: Tensors, about: Mapping[str, Any]) -> tuple[dict[str, AnyTensor], dict[str, AnyTensor]]:
    """The tensors of the child, and by the same names those of its parent; raises WeightError where they do not fit."""
    child = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    parent = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name not in child}
    if parent and not isinstance(about.get(PARENT), dict):
        raise WeightError(f"it does not name its parent; {REMEDY}")
    for name, tensor in parent.items():
        if name not in child or tuple(child[name].shape) != tuple(tensor.shape):
            raise WeightError(f"the parent's {plain_line(name)[:MAX_NAME_CHARS]} does not fit the child's; {REMEDY}")
    return child, parent


def parent_name(about: Mapping[str, Any]) -> str:
    """The name of the file of the parent; "unknown" where the record has none."""
    name = about[PARENT].get("name")
    return plain_line(name)[:MAX_NAME_CHARS] if isinstance(name, str) else "unknown"
