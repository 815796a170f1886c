"""Files of children: generators that `adapt` made of another one, their parent.

A file of our own format (`formats/own_files.py`) with the child's tensors, which every loader of generators reads, and

| where | what |
|---|---|
| `parent.NAME` | the parent's tensor of this name, for every tensor that differs in any bit; others are the child's |
| `parent` in `about` | the parent's record in `models.provenance["generator"]` (`lineage.py`) |
| the rest of `about` | how the child was made: texts, settings, CLIP, scores |

All are float32, so that the parent can be restored to the bit. `load.load_adapted` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.networks.generator import Generator
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.lineage import PARENT


def save_child(
    child: Generator,
    parent: Generator,
    path: str | Path,
    parent_record: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a child, all or nothing.

    Raises WeightError for generators of different shapes, OutputError where the folder cannot be written.

    Args:
        child: the adapted generator, in float32.
        parent: the generator that it was adapted from, in float32.
        path: the file.
        parent_record: `models.provenance["generator"]` of the parent.
        about: the rest of the record.
        metadata: more metadata, such as the licence of the parent.
    """
    own, before = child.state_dict(), parent.state_dict()
    if {name: tensor.shape for name, tensor in own.items()} != {name: tensor.shape for name, tensor in before.items()}:
        raise WeightError("the child and its parent have different tensors; pass the generator that was adapted")
    differing = {name: tensor for name, tensor in before.items() if not tensor.to(own[name]).equal(own[name])}
    return save_generator(child, path, metadata, about={**(about or {}), PARENT: dict(parent_record)}, parent=differing)
