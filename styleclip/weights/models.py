"""`styleclip.load`: from names or files to the frozen networks an editor works with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from styleclip.errors import WeightError
from styleclip.models.bundle import Models
from styleclip.models.clip import CLIP, Preprocess
from styleclip.models.clip_names import open_clip_model
from styleclip.models.identity import Identity
from styleclip.weights.catalog import bundle, catalog, closest, weight, weights
from styleclip.weights.fetch import Fetch, fetch, is_url, weight_at
from styleclip.weights.load import clip_path, load_clip_file, load_generator, load_identity_file, sha256_of
from styleclip.weights.resources import checkpoint_path

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
    fetch: Fetch = fetch,
) -> Models:
    """The models of a catalog entry, or of a generator's name, file or URL, frozen and on `device`.

    `clip` is a file of ours or an open_clip `name/tag`; `identity` is arcface, demo, facenet or none. What is left
    out comes with the generator, and what is not on this disk through `fetch`. Raises WeightError for what is unknown,
    cannot be had or is unreadable.
    """
    chosen = _chosen(str(generator or name))
    generator_file = _located(chosen["generator"], fetch)
    painter = load_generator(generator_file)
    clip_name, identity_name = str(clip or chosen["clip"]), identity or chosen["identity"]
    reader = load_clip(clip_name, clip_preprocess)
    recogniser = load_identity(identity_name, fetch)
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
    """The CLIP in a file (PATH; for open_clip's ARCHITECTURE/PATH or ARCHITECTURE/TAG/PATH) or at ARCHITECTURE/TAG."""
    architecture, path = clip_path(name)
    return load_clip_file(path, preprocess, architecture) if path else open_clip_model(name, preprocess)


def load_identity(name: str, fetch: Fetch = fetch) -> Identity | None:
    """A recogniser by name; None for "none"."""
    return None if name == "none" else load_identity_file(fetch(weight(name, "identity")))


def _chosen(name: str) -> dict[str, Any]:
    """Paths and names of the parts that belong to a catalog entry, or to a generator by name, file or URL."""
    if name in catalog()["models"]:
        found = bundle(name)
        defaults = {key: value for key, value in found.items() if isinstance(value, dict)}
        parts = {part: found[part] for part in ("generator", "clip", "identity")}
        ships = {part: checkpoint_path(file) for part, file in parts.items() if file.endswith(".safetensors")}
        return {**parts, **ships, "defaults": defaults}
    generators = [each.name for each in weights().values() if each.kind == "generator"]
    if name in generators or is_url(name) or Path(name).is_file():
        return {"generator": name, "defaults": {}, **FULL_SIZE}
    likely = closest(name, {*catalog()["models"], *generators})
    raise WeightError(f"{name!r} is neither a model nor a file nor a URL; the closest models are {likely}")


def _located(generator: str | Path, fetch: Fetch) -> Path:
    """The file of a generator: fetched by its name or URL, or where the path says."""
    if str(generator) in weights():
        return fetch(weight(str(generator), "generator"))
    return fetch(weight_at(str(generator))) if is_url(str(generator)) else Path(generator)
