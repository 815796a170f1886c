"""Files of children: generators that `adapt` made of another one, their parent.

A file of our own format (`formats/own_files.py`) with the child's tensors, which every loader of generators reads, and

| where | what |
|---|---|
| `parent.NAME` | the parent's tensor of this name, for every tensor that was trained; the others are the child's |
| `parent` in `about` | `name` and `sha256` of the parent's file, `network`, its fingerprint |
| the rest of `about` | how the child was made: texts, settings, CLIP, scores |

All are float32, so that the parent can be restored to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.stylegan2 import Generator
from styleclip.weights.formats.messages import error_context, plain_line
from styleclip.weights.formats.own_checks import check_finite, text_of
from styleclip.weights.formats.own_files import KIND, PARENT, parse_about, save_generator
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, named_tensors, read_tensor

REMEDY = "adapt the generator again"


@dataclass(frozen=True)
class Lineage:
    """Where a child comes from.

    Args:
        parent: `name` and `sha256` of the parent's file, and `network`, the fingerprint of the parent.
        tensors: the parent's values of the tensors that were trained, by their names in the generator.
        about: the record of how the child was made.
    """

    parent: Mapping[str, str]
    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any]


def save_child(
    child: Generator,
    parent: Mapping[str, Tensor],
    path: str | Path,
    about: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a child, all or nothing; raises OutputError where the folder cannot be written.

    Args:
        child: the adapted generator, in float32.
        parent: the parent's values of the tensors that were trained, by name.
        path: the file.
        about: the record; its `parent` has `name`, `sha256` and `network` of the parent.
        metadata: more metadata, such as the licence of the parent.
    """
    return save_generator(child, path, metadata, about=about, parent=parent)


def read_lineage(path: str | Path) -> Lineage | None:
    """The parent of the generator in a file; None for a generator that is no child, and for files of others.

    Raises WeightError for a child's file that is damaged.
    """
    with error_context(path, REMEDY):
        tree = open_content(Path(path))
        if tree.metadata.get(KIND) != "generator":
            return None
        stored = named_tensors(tree.value)
        names = [name.removeprefix(PARENT) for name in stored if name.startswith(PARENT)]
        if not names:
            return None
        for name in names:
            _check_same_shape(stored, name)
        tensors = {name: read_tensor(stored[PARENT + name]).float() for name in names}
        check_finite(tensors, REMEDY)
        about = parse_about(tree.metadata, REMEDY)
        record = about.get("parent")
        if not isinstance(record, dict):
            raise WeightError(f"it does not name its parent; {REMEDY}")
        parent = {key: plain_line(text_of(record, key, REMEDY)) for key in ("name", "sha256", "network")}
        return Lineage(parent, tensors, about)


def _check_same_shape(stored: Mapping[str, AnyTensor], name: str) -> None:
    own, before = stored.get(name), stored[PARENT + name]
    if own is None or tuple(own.shape) != tuple(before.shape):
        raise WeightError(f"the parent's {plain_line(name)[:60]} does not fit the child's; {REMEDY}")
