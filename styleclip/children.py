"""Children of a generator: models whose generator `styleclip adapt` made, at any amount."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any

import torch

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.runtime.gradients import float32_default
from styleclip.text.parsing import format_layers
from styleclip.weights.adapted import Adapted
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.file_state import sha256_of, unchanged_file
from styleclip.weights.lineage import PARENT, REMEDY, ancestry
from styleclip.weights.load import fingerprint, load_adapted
from styleclip.weights.locate import generator_file
from styleclip.weights.urls import input_name

# The models with a generator and its record; those of the parent, which they inherit from, where there are any.
ModelsOf = Callable[[Generator, Mapping[str, Any], Models | None], Models]


@float32_default()
@torch.inference_mode(False)
def load_child(
    name: str | Path,
    models: Models,
    amount: float = 1.0,
    parent_layers: Sequence[int] = (),
    fetch: Fetch = fetch,
) -> Models:
    """The models of a parent with the generator of its child; all else is shared.

    Args:
        name: the file, name or URL of the child.
        models: of the generator that it was adapted from, or of one of its children.
        amount, parent_layers: as in `load`.
        fetch: downloads what is not on this disk.

    Raises WeightError for a generator that was not adapted, or from another one than that of the models.

    Example:
        models = styleclip.load("demo")
        sketch = styleclip.load_child("sketch.safetensors", models, amount=0.7)
        image = sketch.render(Editor(models).sample(seed=3))
    """
    base = models.parent() or models
    path = generator_file(str(name), fetch)
    with unchanged_file(path):
        adapted = load_adapted(path)
        if adapted is None:
            raise WeightError(f"{path.name} is no child of another generator; pass what `styleclip adapt` wrote")
        record = {"name": path.name, "sha256": sha256_of(path), "label": None}
    if base.generator_fingerprint not in ancestry(adapted.record):
        raise WeightError(f"{path.name} was adapted from another generator; pass that one with --model")

    def models_of(network: Generator, record: Mapping[str, Any], parent: Models | None) -> Models:
        network.to(base.device).to_mixed_precision(base.generator.precision)
        loaded = {**base.provenance.get("load", {}), "model": input_name(name)}
        provenance = {**base.provenance, "generator": record, "load": loaded}
        return replace(base, generator=network, provenance=provenance, memo={})

    is_parent = base.generator_fingerprint == adapted.record["network"]
    return Mixer(adapted, models_of, record, base if is_parent else None).mix(amount, parent_layers)


class Mixer:
    """An adapted generator at several amounts, as models that share all else.

    Args:
        adapted: the child and its parent.
        models_of: makes the models.
        record: of the file of the child.
        parent: the models of the parent, where they are there already.
    """

    def __init__(
        self, adapted: Adapted, models_of: ModelsOf, record: Mapping[str, Any], parent: Models | None = None
    ) -> None:
        self.adapted, self.models_of, self.record = adapted, models_of, record
        self._given_parent = parent
        self.child = fingerprint(adapted.mix())
        self._lock = RLock()

    @float32_default()
    @torch.inference_mode(False)
    def mix(self, amount: float, parent_layers: Sequence[int] = ()) -> Models:
        """The models at an amount (`Adapted.mix`); those of the parent are kept."""
        with self._lock:
            parent = self._parent
        return parent if amount == 0 else self._models(amount, parent_layers, parent)

    @functools.cached_property
    def _parent(self) -> Models:
        return self._given_parent or self._models(0, (), None)

    def _models(self, amount: float, parent_layers: Sequence[int], parent: Models | None) -> Models:
        network, layers = self.adapted.mix(amount, parent_layers), format_layers(parent_layers)
        if amount == 0:
            self._check_parent(network)
        told = {
            "network": self._fingerprint(float(amount), layers),
            "amount": float(amount),
            "parent_layers": layers,
            "child": self.child,
        }
        record = {**self.record, **told, PARENT: self.adapted.record}
        return replace(self.models_of(network, record, parent), mix=self.mix)

    def _check_parent(self, network: Generator) -> None:
        """Raise WeightError where the parent in the file is not the one of its record.

        A parent that is a mixture is not checked: its fingerprint is no hash of weights.
        """
        parent = self.adapted.record
        is_mixture = parent.get("amount", 1) not in (0, 1) or parent.get("parent_layers")
        if not is_mixture and fingerprint(network) != parent["network"]:
            raise WeightError(f"{self.record['name']} lacks weights of its parent, or has others; {REMEDY}")

    def _fingerprint(self, amount: float, layers: str) -> str:
        """That of the parent or the child; of a mixture the hash of what it consists of.

        Hashing weights of 1024 px takes a third of a second, too long for a slider.
        """
        parent = str(self.adapted.record["network"])
        if amount == 0:
            return parent
        if amount == 1 and not layers:
            return self.child
        return hashlib.sha256(f"{self.child} {parent} {amount!r} {layers}".encode()).hexdigest()
