"""`styleclip.load`: from names or files to the frozen networks an editor works with."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.networks.clip import CLIP, Preprocess
from styleclip.networks.e4e import Encoder
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.lpips import PerceptualDistance
from styleclip.networks.open_clip_hub import open_clip_model
from styleclip.networks.stylegan2 import Generator
from styleclip.relevance_table import RelevanceTable
from styleclip.weights.cache import Fetch, fetch, is_url, weight_from_url
from styleclip.weights.catalog import bundle, catalog, closest, weight, weights
from styleclip.weights.load import (
    clip_path,
    fingerprint,
    load_clip_file,
    load_encoder,
    load_generator,
    load_identity_file,
    sha256_of,
)
from styleclip.weights.perceptual import load_perceptual
from styleclip.weights.relevance_files import load_relevance, load_statistics, prepared_path
from styleclip.weights.resources import checkpoint_path

Network = TypeVar("Network")
LANDMARKS = "landmarks-68"  # in the catalog
PARTS = ("generator", "clip", "identity", "relevance", "encoder")
FULL_SIZE = {"clip": "ViT-B-32-quickgelu/openai", "identity": "none"}  # what goes with a generator that names nothing


def load(
    name: str = "demo",
    *,
    generator: str | Path | None = None,
    clip: str | Path | None = None,
    identity: str | None = None,
    label: int | None = None,
    relevance: str | Path | None = None,
    statistics: str | Path | None = None,
    encoder: str | Path | None = None,
    clip_preprocess: Preprocess = "correct",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    fetch: Fetch = fetch,
) -> Models:
    """The models of a catalog entry, or of a generator's name, file or URL, frozen and on `device`.

    `clip` is what `load_clip` takes: NAME, FILE, URL, ARCHITECTURE/TAG or ARCHITECTURE/FILE; `identity` is arcface,
    demo, facenet or none; `label` is the class of a conditional generator. `relevance` is the name, file or URL of a
    relevance table, `statistics` an `S_mean_std` for one that has none, and `encoder` an encoder to invert pictures
    ("none": there is to be none); they are read when somebody asks. What is left out comes with the generator, and what
    is not on this disk through `fetch`. Raises WeightError for what is unknown, cannot be had or is unreadable, and for
    a label that is missing or has no use.
    """
    chosen = _chosen(str(generator or name))
    generator_path = _located(str(chosen["generator"]), fetch)
    painter = load_generator(generator_path, label)
    clip_name, identity_name = str(clip or chosen["clip"]), identity or chosen["identity"]
    reader = load_clip(clip_name, clip_preprocess, fetch)
    made_of = fingerprint(painter)
    recogniser = load_identity(identity_name, fetch)

    def _placed(network: Network) -> Network:
        if isinstance(network, nn.Module):
            network.eval().requires_grad_(False).to(device)
        return network

    for network in (painter, reader, recogniser):
        _placed(network)
    if dtype != torch.float32:
        painter.to_mixed_precision(dtype)
        reader.to_mixed_precision(dtype)
    provenance = {
        "generator": {
            "name": generator_path.name,
            "sha256": sha256_of(generator_path),
            "label": label,
            "network": made_of,
        },
        "clip": {"name": reader.name, "preprocess": clip_preprocess},
        "identity": identity_name,
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
    }

    @functools.cache
    def table() -> RelevanceTable | None:
        suits = chosen.get("relevance") if clip_name == str(chosen["clip"]) else None
        path = _relevance_file(relevance, prepared_path(made_of, reader), suits, fetch)
        spread = load_statistics(statistics, painter.layout) if statistics else None
        return load_relevance(path, painter.layout, reader, made_of, spread) if path else None

    @functools.cache
    def inverter() -> Encoder | None:
        named = str(encoder or chosen.get("encoder", "none"))
        if named == "none":
            return None
        path = _file(named, "encoder", "an encoder", fetch)
        provenance["encoder"] = {"name": path.name, "sha256": sha256_of(path)}
        return _fitting(_placed(load_encoder(path)), painter)

    @functools.cache
    def perceptual() -> PerceptualDistance | None:
        found = load_perceptual()
        return found and _placed(found)

    return Models(painter, reader, recogniser, chosen["defaults"], provenance, table, inverter, perceptual)


def generator_file(name: str, fetch: Fetch = fetch) -> Path:
    """The file of the generator that `load(name)` takes; raises WeightError for an unknown name."""
    return _located(str(_chosen(name)["generator"]), fetch)


def mapper_file(name: str, fetch: Fetch = fetch) -> Path:
    """The file of a latent mapper by its name, path or URL; raises WeightError for an unknown name."""
    return _file(name, "mapper", "a mapper", fetch)


def landmarks_file(name: str | None = None, fetch: Fetch = fetch) -> Path:
    """The file of dlib's landmark predictor: the published one, or that of this name, path or URL."""
    return _fetched(name or LANDMARKS, "landmarks", fetch) or Path(name or LANDMARKS)


def load_clip(name: str, preprocess: Preprocess = "correct", fetch: Fetch = fetch) -> CLIP:
    """The CLIP of one of these names, in float32:

    | name | where it is |
    |---|---|
    | NAME | a weight of the catalog, e.g. `openai-ViT-B-32`, fetched |
    | FILE, URL | a file of ours or of OpenAI |
    | ARCHITECTURE/TAG | published weights that open_clip fetches, e.g. `ViT-B-32-quickgelu/openai` |
    | ARCHITECTURE/FILE, ARCHITECTURE/TAG/FILE | a file of open_clip, which does not tell its architecture |
    """
    architecture, path = clip_path(str(_fetched(name, "clip", fetch) or name))
    return load_clip_file(path, preprocess, architecture) if path else open_clip_model(name, preprocess)


def load_identity(name: str, fetch: Fetch = fetch) -> FaceRecogniser | None:
    """A recogniser by name; None for "none"."""
    return None if name == "none" else load_identity_file(fetch(weight(name, "identity")))


def _file(name: str, kind: str, called: str, fetch: Fetch) -> Path:
    """The file of a weight of this kind by its name, path or URL; raises WeightError for an unknown name."""
    path = _fetched(name, kind, fetch) or Path(name)
    if not path.is_file():
        likely = closest(name, [each.name for each in weights().values() if each.kind == kind])
        raise WeightError(f"{name!r} is neither {called} nor a file nor a URL; the closest {kind}s are {likely}")
    return path


def _fitting(encoder: Encoder, generator: Generator) -> Encoder:
    """The encoder, if its codes are latents of the generator."""
    gives = [encoder.config.num_ws, encoder.config.w_dim]
    takes = [generator.num_ws, generator.config.w_dim]
    if gives != takes:
        raise WeightError(f"the encoder gives W+ of {gives}, the generator takes {takes}; pass another or `none`")
    return encoder


def _chosen(name: str) -> dict[str, Any]:
    """Paths and names of the parts that belong to a catalog entry, or to a generator by name, file or URL."""
    if name in catalog()["models"]:
        found = bundle(name)
        defaults = {key: value for key, value in found.items() if isinstance(value, dict)}
        parts: dict[str, Any] = {part: found[part] for part in PARTS if part in found}
        ships: dict[str, Any] = {
            part: checkpoint_path(file) for part, file in parts.items() if file.endswith(".safetensors")
        }
        return {**parts, **ships, "defaults": defaults}
    generators = {each.name: each for each in weights().values() if each.kind == "generator"}
    if name in generators or is_url(name) or Path(name).is_file():
        faces = name not in generators or generators[name].faces
        return {"generator": name, "defaults": {} if faces else {"align": {"faces": False}}, **FULL_SIZE}
    likely = closest(name, {*catalog()["models"], *generators})
    raise WeightError(f"{name!r} is neither a model nor a file nor a URL; the closest models are {likely}")


def _relevance_file(chosen: str | Path | None, prepared: Path, suits: str | Path | None, fetch: Fetch) -> Path | None:
    """The table that was chosen, else the one that was prepared here, else the one that suits the generator."""
    if chosen is None and prepared.is_file():
        return prepared
    name = chosen or suits
    return None if name is None else _fetched(str(name), "relevance", fetch) or Path(name)


def _located(generator: str, fetch: Fetch) -> Path:
    return _fetched(generator, "generator", fetch) or Path(generator)


def _fetched(name: str, kind: str, fetch: Fetch) -> Path | None:
    """The file of a weight of this kind, by its name or URL; None for what is neither."""
    if is_url(name):
        return fetch(weight_from_url(name, kind))
    known = weights().get(name)
    return fetch(known) if known and known.kind == kind else None
