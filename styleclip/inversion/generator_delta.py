"""A tuned generator as a small change of an untouched one, and its file.

The file is one of ours (`weights/formats/own_files.py`) of kind `tuning`, in half precision; its `about` has the
settings of the tuning and `generator`, the fingerprint of the network that was tuned. `load_tuning` refuses the change
of another network.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import read_own, save_own
from styleclip.weights.state_dict import load_strict, on_meta

LEFT_SUFFIX, RIGHT_SUFFIX = ".left", ".right"  # of the names of the two factors, behind that of their weight
FLOAT16 = torch.finfo(torch.float16)


@dataclass(frozen=True)
class GeneratorDelta:
    """A change of the weights of a generator, as `PivotalTuning` finds it.

    Args:
        factors: by the names of the weights they change; whole changes under the name itself, `NAME.left` [O, rank]
            and `NAME.right` [rank, I*k*k] where the change of [O, I, k, k] is their product.
        network: the fingerprint of the generator.
        about: the settings it was made with.

    Example:
        delta = load_tuning("latent.tuning.safetensors", models)
        editor = Editor(delta.apply(models))
    """

    factors: Mapping[str, Tensor]
    network: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, models: Models) -> Models:
        """The same models with the tuned generator, which shares every tensor that is not changed.

        Raises WeightError for models of another generator, or of one that is tuned already.
        """
        self.check(models)
        generator = models.generator
        weights = generator.state_dict()
        changed = {name: weights[name] + change for name, change in weight_changes(self.factors, weights).items()}
        tuned = load_strict(on_meta(lambda: Generator(generator.config)), {**weights, **changed}).freeze()
        tuned.grown_from = generator.grown_from
        tuned.to(generator.w_avg.device).to_mixed_precision(generator.precision)
        return dataclasses.replace(models, generator=tuned, provenance={**models.provenance, "tuned": self.sha256})

    @property
    def sha256(self) -> str:
        """The hash of the factors, by which the latent's file names the change that belongs to it."""
        digest = hashlib.sha256()
        for name, factor in sorted(self.factors.items()):
            digest.update(f"{name}{list(factor.shape)}".encode())
            digest.update(factor.detach().float().cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def check(self, models: Models) -> None:
        """Raise WeightError unless this is a change of the untouched generator of `models`."""
        if "tuned" in models.provenance:
            raise WeightError("this generator is tuned already; load it again and apply one tuning to it")
        if not models.accepts(self.network):
            raise WeightError("this tuning was made for another generator; pass that one with --model")
        known, found = tunable_weights(models.generator), dict(self.factors)
        for name, weight in known.items():
            left, right, whole = (found.pop(name + end, None) for end in (LEFT_SUFFIX, RIGHT_SUFFIX, ""))
            if not _is_valid_change(weight, left, right, whole):
                raise WeightError(f"the change of {name} does not fit this generator; tune it again")
        if found:
            raise WeightError(f"it changes {sorted(found)[0]}, which tuning leaves alone; tune the generator again")


def tunable_weights(generator: Generator) -> dict[str, Tensor]:
    """Weights and biases of the layers of the synthesis, by name. Mapping and affine layers are not tuned."""
    layers = [f"synthesis.{entry.name}" for entry in generator.layout.entries]
    known = dict(generator.named_parameters())
    return {name: known[name] for layer in layers for name in (f"{layer}.weight", f"{layer}.bias") if name in known}


def weight_changes(factors: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensor that is added to each changed weight: a whole change, or the product of two factors."""
    found = {name: factor for name, factor in factors.items() if not name.endswith((LEFT_SUFFIX, RIGHT_SUFFIX))}
    for left in (name for name in factors if name.endswith(LEFT_SUFFIX)):
        name = left.removesuffix(LEFT_SUFFIX)
        found[name] = (factors[left] @ factors[name + RIGHT_SUFFIX]).view_as(weights[name])
    return {name: change.to(weights[name]) for name, change in found.items()}


def save_tuning(delta: GeneratorDelta, path: str | Path) -> Path:
    """Write a change, all or nothing, in half precision unless a number is too large; raises OutputError."""
    about = {**delta.about, "generator": delta.network}
    return save_own("tuning", delta.factors, path, about, dtype=storage_dtype(delta.factors))


def storage_dtype(factors: Mapping[str, Tensor]) -> torch.dtype:
    """Half precision, or single where a number is too large for it."""
    fits = all(factor.abs().max().item() <= FLOAT16.max for factor in factors.values())
    return torch.float16 if fits else torch.float32


def load_tuning(path: str | Path, models: Models) -> GeneratorDelta:
    """The change in a file, in float32 on the device of `models`.

    Raises WeightError for a file that holds none, is damaged, or was made for another generator.
    """
    tensors, about = read_own(path, "tuning", "tune the generator again")
    with error_context(path):
        for name, tensor in tensors.items():
            if not tensor.is_floating_point() or not tensor.isfinite().all():
                raise WeightError(f"{name} holds NaN, infinite or whole numbers; tune the generator again")
        factors = {name: tensor.float().to(models.device) for name, tensor in tensors.items()}
        delta = GeneratorDelta(factors, about.pop("generator", None), about)
        delta.check(models)
        return delta


def _is_valid_change(weight: Tensor, left: Tensor | None, right: Tensor | None, whole: Tensor | None) -> bool:
    """Whether a weight gets one change of its shape, whole or in two factors, or none at all."""
    if left is None or right is None:
        return left is right and (whole is None or whole.shape == weight.shape)
    if whole is not None or not left.ndim == right.ndim == 2:
        return False
    return left.shape == (len(weight), len(right)) and right.shape[1] == weight[0].numel()
