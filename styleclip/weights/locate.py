"""Find the local file of a weight by its name, path or URL; download it if necessary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.catalog import Weight, bundle, catalog, checkpoint_path, closest, weights
from styleclip.weights.lineage import catalog_name, parent_record
from styleclip.weights.urls import is_url, weight_from_url

MODEL_PARTS = (  # of a model in the catalog
    *("generator", "clip", "identity", "relevance", "samples", "encoder"),
    *("judge_clip", "judge_identity"),  # what measures edits and no editor follows
)
PUBLISHED_PARTS = {
    "clip": "ViT-B-32-quickgelu/openai",
    "identity": "none",
}  # of a generator alone


def model_parts(name: str) -> dict[str, Any]:
    """The name or path of every part of a model, and `defaults`, its recommended settings by method name.

    `name` is a model of the catalog, or a generator by name, file or URL, which is combined with the CLIP of
    StyleCLIP; one on this disk that was adapted from a generator of the catalog, with the parts of that. Raises
    WeightError for anything else.
    """
    if name in catalog()["models"]:
        found = bundle(name)
        defaults = {key: value for key, value in found.items() if isinstance(value, dict)}
        parts: dict[str, Any] = {part: found[part] for part in MODEL_PARTS if part in found}
        shipped = {part: checkpoint_path(file) for part, file in parts.items() if file.endswith(".safetensors")}
        return {**parts, **shipped, "defaults": defaults}
    generators = {each.name: each for each in weights().values() if each.kind == "generator"}
    if name in generators or is_url(name) or Path(name).is_file():
        if name not in generators and (parent := _catalog_parent(name)):
            return {**model_parts(parent), "generator": name}
        faces = name not in generators or generators[name].faces
        return {"generator": name, "defaults": {} if faces else {"align": {"faces": False}}, **PUBLISHED_PARTS}
    refuse_pipe(name)
    likely = closest(name, {*catalog()["models"], *generators})
    raise WeightError(f"{name!r} is neither a model nor a file nor a URL; the closest models are {likely}")


def _catalog_parent(name: str) -> str | None:
    """The model or generator of the catalog that the generator in a file or at a URL was adapted from."""
    path = weight_from_url(name).on_disk if is_url(name) else Path(name)
    record = parent_record(path) if path else None
    return catalog_name(record) if record else None


def generator_file(name: str, fetch: Fetch = fetch) -> Path:
    """The file of the generator that `load(name)` takes; raises WeightError for an unknown name."""
    return weight_file(str(model_parts(name)["generator"]), "generator", fetch)


def encoder_file(name: str, fetch: Fetch = fetch) -> Path:
    """The file of an encoder by its name, path or URL; raises WeightError for an unknown name."""
    return _existing_file(name, "encoder", "an encoder", fetch)


def mapper_file(name: str, fetch: Fetch = fetch) -> Path:
    """The file of a latent mapper by its name, path or URL; raises WeightError for an unknown name."""
    return _existing_file(name, "mapper", "a mapper", fetch)


def weight_file(name: str, kind: str, fetch: Fetch = fetch) -> Path:
    """The file of a weight of this kind by its name or URL; any other name is a path."""
    return fetched_file(name, kind, fetch) or Path(name)


def fetched_file(name: str, kind: str, fetch: Fetch = fetch) -> Path | None:
    """The file of a weight of this kind by its name or URL; None for any other name."""
    if is_url(name):
        return fetch(weight_from_url(name, kind))
    known = weights().get(name)
    return fetch(known) if known and known.kind == kind else None


def file_on_disk(name: str) -> Path:
    """The file of a model's generator or of a weight, by name or URL, without a download; other names are paths.

    Raises WeightError for a file that is not on this disk.
    """
    if name in catalog()["models"]:
        return generator_file(name, require_on_disk)
    if name in weights() or is_url(name):
        return require_on_disk(weight_from_url(name) if is_url(name) else weights()[name])
    return Path(name)


def require_on_disk(weight: Weight) -> Path:
    """A `fetch` that never downloads; raises WeightError for a file that is absent."""
    if not (here := weight.on_disk):
        raise WeightError(f"{weight.name} is not on this disk; run `styleclip models pull {weight.name}`")
    return here


def refuse_pipe(name: str) -> None:
    """Raise WeightError for a pipe or a device, such as /dev/stdin: weights are read in parts, in any order."""
    path = Path(name)
    if os.path.exists(path) and not (path.is_file() or path.is_dir()):
        raise WeightError(f"{name} is a pipe or a device; save its content to a file and pass that")


def _existing_file(name: str, kind: str, noun: str, fetch: Fetch) -> Path:
    path = weight_file(name, kind, fetch)
    if not path.is_file():
        refuse_pipe(name)
        likely = closest(name, [each.name for each in weights().values() if each.kind == kind])
        raise WeightError(f"{name!r} is neither {noun} nor a file nor a URL; the closest {kind}s are {likely}")
    return path
