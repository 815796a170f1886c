"""`styleclip.load`: from names or files to the frozen networks an editor works with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from styleclip.errors import WeightError
from styleclip.models.bundle import Models
from styleclip.models.clip import CLIP, Preprocess, build_clip, open_clip_model
from styleclip.models.identity import Facenet, Identity, SmallRecogniser
from styleclip.weights.catalog import catalog, entry, weight_file
from styleclip.weights.formats import native
from styleclip.weights.load import load_arcface, load_generator, load_state_dict_file, sha256_of
from styleclip.weights.resources import checkpoint_path
from styleclip.weights.strict import fill

FULL_SIZE = {"clip": "ViT-B-32-quickgelu/openai", "identity": "none"}  # what goes with a generator that names nothing


def load(
    name: str = "demo",
    *,
    generator: str | Path | None = None,
    clip: str | Path | None = None,
    identity: str | None = None,
    clip_preprocess: Preprocess = "correct",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Models:
    """The models of a catalog entry or of a generator file, frozen and on `device`.

    `clip` is a file of ours or an open_clip `name/tag`; `identity` is arcface, demo, facenet or none. What is left
    out comes with the generator. Raises WeightError for what is unknown, missing or unreadable.
    """
    chosen = _chosen(str(generator or name))
    painter, generator_file = load_generator(chosen["generator"]), Path(chosen["generator"])
    clip_name, identity_name = str(clip or chosen["clip"]), identity or chosen["identity"]
    reader = load_clip(clip_name, clip_preprocess)
    recogniser = load_identity(identity_name)
    for network in (painter, reader, recogniser):
        if isinstance(network, nn.Module):
            network.eval().requires_grad_(False).to(device=device, dtype=dtype)
    provenance = {
        "generator": {"name": generator_file.name, "sha256": sha256_of(generator_file)},
        "clip": {"name": reader.name, "preprocess": clip_preprocess},
        "identity": identity_name,
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
    }
    return Models(painter, reader, recogniser, chosen["defaults"], provenance)


def load_clip(name: str, preprocess: Preprocess = "correct") -> CLIP:
    """A CLIP file of ours, or an open_clip model by `name/tag` (the tag may be a path to its weights)."""
    path = Path(name)
    if not path.is_file():
        return open_clip_model(name, preprocess)
    tensors, metadata = native.read(path)
    if "config" not in metadata:
        raise WeightError(f"{path} is not a CLIP of styleclip; pass one, or an open_clip name/tag")
    clip = build_clip(json.loads(metadata["config"]))
    clip.preprocess = preprocess
    return fill(clip, tensors)


def load_identity(name: str) -> Identity | None:
    """A recogniser by name; None for "none"."""
    if name == "none":
        return None
    path = weight_file("identities", name)
    if name == "arcface":
        return load_arcface(path)
    tensors = load_state_dict_file(path)
    if name == "facenet":
        from facenet_pytorch import InceptionResnetV1

        classes = tensors["logits.weight"].shape[0]
        network = fill(InceptionResnetV1(classify=True, num_classes=classes), tensors)
        network.classify = False  # features instead of class logits
        return Facenet(network)
    return fill(SmallRecogniser(tensors["head.bias"].shape[0]), tensors)


def _chosen(name: str) -> dict[str, Any]:
    """Paths and names of the parts that belong to a catalog entry or to a generator file."""
    if name not in catalog()["models"] and Path(name).is_file():
        return {"generator": name, "defaults": {}, **FULL_SIZE}
    found = entry("models", name)
    defaults: Mapping[str, Any] = {key: value for key, value in found.items() if isinstance(value, dict)}
    parts = {part: checkpoint_path(found[part]) for part in ("generator", "clip")}
    return {**parts, "identity": found["identity"], "defaults": defaults}
