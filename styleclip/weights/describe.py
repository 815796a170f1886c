"""What a weight file holds, in numbers: dimensions, parameters, precision, origin and licence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import StyleLayout
from styleclip.networks.clip import check_towers
from styleclip.weights.formats.content import Content, Kind
from styleclip.weights.formats.encoders import encoder_config
from styleclip.weights.formats.mappers import read_record
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.registry import read_all
from styleclip.weights.load import generator_config, sha256_of
from styleclip.weights.relevance_files import read_about

BUFFERS = ("noise_const", "w_avg", "running_mean", "running_var", "num_batches_tracked", "resample_filter")
TABLES: tuple[Kind, ...] = ("latents", "statistics", "relevance", "direction")
MADE = (  # how a table of ours was made
    "method", "images", "samples", "seed", "psi", "cutoff", "sigmas", "torgb", "rows", "shard", "generator",
    "generator_name", "clip", "clip_preprocess", "dtype", "styleclip",
)  # fmt: skip
TRAINED = ("target", "neutral", "steps", "batch_size", "best_step", "latents", "num_latents", "generator", "styleclip")
REMEMBERED = ("source", "label")  # what `convert` writes into the metadata of our files
UNSTATED = "not stated in the file"

Tensors = Mapping[str, Tensor]
Settings = Mapping[str, Any]


def describe(path: str | Path) -> dict[str, Any]:
    """Name, size, SHA-256 and the parts of a file, each with its kind, format and dimensions.

    A part that cannot be used beside others that can has a `problem`. Raises WeightError for a file that is absent,
    damaged, dangerous or unknown, and for one of which no part can be used.
    """
    path = Path(path)
    found = read_all(path)
    with error_context(path):
        described = [_describe(part, path) for part in found]
        if all("problem" in part for part in described):
            raise WeightError(described[0]["problem"])
        return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path), "parts": described}


def licence_of(part: Content) -> str:
    """The terms of a part: those of all files of its origin, or what our own file says; else nothing."""
    return part.licence or str(part.settings.get("licence", ""))


def _describe(part: Content, path: Path) -> dict[str, Any]:
    about: dict[str, Any] = {"kind": part.kind, "format": part.format}
    try:
        tensors = part.read()
        about |= DIMENSIONS.get(part.kind, _nothing)(tensors, part.settings)
    except WeightError as error:
        about["problem"] = str(error).removeprefix(f"{path}: ")
    else:
        about |= _count(tensors, part.kind)
    about |= {name: part.settings[name] for name in REMEMBERED if name in part.settings}
    return {**about, "licence": licence_of(part) or UNSTATED}


def _count(tensors: Tensors, kind: Kind) -> dict[str, Any]:
    learned = [tensor for name, tensor in tensors.items() if not name.endswith(BUFFERS)]
    precisions = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in learned})
    count = {} if kind in TABLES else {"parameters": sum(tensor.numel() for tensor in learned)}
    return {**count, "precision": " and ".join(precisions)}


def _generator(tensors: Tensors, settings: Settings) -> dict[str, Any]:
    config = generator_config(tensors, settings.get("conv_clamp"))
    layout = StyleLayout.from_channels(config.channels)
    embedding = tensors.get("mapping.embed.weight")
    return {
        "resolution": config.resolution,
        "channels": list(config.channels.values()),
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "num_ws": layout.num_ws,
        "style_channels": layout.size,
        "mapping_layers": len(config.mapping_widths),
        "conv_clamp": config.conv_clamp,
        "classes": 0 if embedding is None else embedding.shape[-1],
    }


def _discriminator(tensors: Tensors, _: Settings) -> dict[str, Any]:
    sides = [int(name[1:].partition(".")[0]) for name in tensors if name[:1] == "b" and name[1:2].isdigit()]
    return {"resolution": max(sides, default=0)}


def _encoder(tensors: Tensors, settings: Settings) -> dict[str, Any]:
    config = encoder_config(tensors, settings)
    shape = {"num_ws": config.num_ws, "w_dim": config.w_dim, "frame": config.frame, "widths": list(config.widths)}
    return {"encoder": config.kind, **shape}


def _mapper(tensors: Tensors, settings: Settings) -> dict[str, Any]:
    told = {name: settings[name] for name in ("mapper", "levels") if name in settings}
    record = read_record(settings)
    told |= {name: record[name] for name in TRAINED if isinstance(record.get(name), int | float | str)}
    return {**told, "networks": len({name.rpartition(".fc")[0] for name in tensors})}


def _clip(_: Tensors, settings: Settings) -> dict[str, Any]:
    """What the file says, or its shapes tell, of the embedding and both towers, in open_clip's words."""
    model = json.loads(settings["config"])["model"] if "config" in settings else settings.get("shape") or {}
    if "config" in settings:
        check_towers(model)
    towers = {tower: model.get(f"{tower}_cfg", {}) for tower in ("vision", "text")}
    numbers = {f"{tower}_{name}": value for tower, numbers in towers.items() for name, value in numbers.items()}
    return {"embed_dim": model.get("embed_dim"), **numbers}


def _table(tensors: Tensors, settings: Settings) -> dict[str, Any]:
    told = read_about(settings) if "about" in settings else {}
    made = {name: told[name] for name in MADE if isinstance(told.get(name), int | float | str)}
    return {**made, **{name: list(tensor.shape) for name, tensor in tensors.items()}}


def _nothing(*_: Any) -> dict[str, Any]:
    return {}


DIMENSIONS: dict[Kind, Callable[[Tensors, Settings], dict[str, Any]]] = {
    "generator": _generator,
    "discriminator": _discriminator,
    "encoder": _encoder,
    "mapper": _mapper,
    "clip": _clip,
    **dict.fromkeys(TABLES, _table),
}
