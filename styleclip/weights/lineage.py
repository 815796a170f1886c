"""Which generators one descends from, by the records of its provenance and of its file.

The record of a generator has `name`, `sha256`, `label` and `network`, its fingerprint. That of one that was adapted
also has `amount`, `parent_layers`, `child`, the fingerprint at amount 1, and `parent`, the record of its parent.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.catalog import catalog, checkpoint_path
from styleclip.weights.formats.messages import error_context
from styleclip.weights.own_headers import is_own, read_record
from styleclip.weights.recognition import generator_weight

PARENT = "parent"  # the key of the record of the parent
MAX_GENERATIONS = 100
REMEDY = "adapt the generator again"

Record = Mapping[str, Any]


def parents(record: Record) -> Iterator[Record]:
    """The record of the parent, of its parent, and so on.

    Raises WeightError for what is no such record.
    """
    for _ in range(MAX_GENERATIONS):
        if PARENT not in record:
            return
        record = record[PARENT]
        if not isinstance(record, Mapping) or not isinstance(record.get("network"), str):
            raise WeightError(f"the record of its parent is damaged; {REMEDY}")
        yield record
    raise WeightError(f"it has more than {MAX_GENERATIONS} generations of parents; do not trust it")


def ancestry(record: Record) -> list[str]:
    """The fingerprints of a generator, its parent, its parent's parent, and so on; [] where it has none."""
    return [str(each["network"]) for each in (record, *parents(record)) if each.get("network")]


def family(record: Record) -> list[str]:
    """The fingerprints of a generator, its parents, and itself at amount 1: what belongs to one of them fits it."""
    return [*ancestry(record), *filter(None, [record.get("child")])]


def parent_record(path: str | Path) -> Record | None:
    """The record of the parent in the file of an adapted generator; None for all other files.

    Raises WeightError where the record is damaged.
    """
    if not is_own(path):
        return None
    try:
        about = read_record(path, "generator", REMEDY)
    except WeightError:  # of another kind
        return None
    with error_context(path):
        return next(iter([*parents(about)]), None)


def catalog_name(record: Record) -> str | None:
    """The model of the catalog, or else the generator of it, whose network is this one or its nearest parent there."""
    for each in (record, *parents(record)):
        generator = generator_weight(str(each.get("name")), each.get("sha256"))
        if found := model_names().get(str(each.get("network"))) or (generator and _model_of(generator.name)):
            return found
    return None


def _model_of(generator: str) -> str:
    """The first model with a generator of the catalog; the generator's own name where no model has it."""
    return next((name for name, parts in catalog()["models"].items() if parts["generator"] == generator), generator)


@functools.cache
def model_names() -> dict[str, str]:
    """Fingerprint of a generator -> the model of the catalog, for those with a table or samples that ship."""
    names = {}
    for name, parts in catalog()["models"].items():
        for kind in ("relevance", "samples"):
            if str(parts.get(kind, "")).endswith(".safetensors"):
                record = read_record(checkpoint_path(parts[kind]), kind, "install styleclip again")
                names[str(record.get("generator"))] = name
    return names
