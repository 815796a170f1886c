"""Latent mappers: the files of StyleCLIP (StyleGAN-NADA's are the same), and our own.

A published file is `{"state_dict": ..., "opts": ...}`, with the mapper under `mapper.` and mostly a whole generator, in
rosinality's names, under `decoder.`. The mapper's networks are `mapping` (one for all of W+), or `course_mapping` (so
spelled), `medium_mapping` and `fine_mapping`, or `mapper_0`, `mapper_1`, ... for the layers of style space in execution
order, with or without toRGB. Layer i of a network is `mapping.{i + 1}`. Which of them there are, the names tell;
`opts` may be older than its own keys and is only compared.

Ours is a safetensors file of kind `mapper` that holds the mapper and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import StyleLayout
from styleclip.networks.latent_mapper import LAYERS, LEVELS, LevelsMapper, Mapper, StyleMapper
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.content import Content, FileTree
from styleclip.weights.formats.messages import printable, shown
from styleclip.weights.formats.own_files import KIND, save_tensors
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import read_tensors
from styleclip.weights.state_dict import check_keys

FORMAT = "StyleCLIP mapper"
W_PLUS_NETWORKS = {"course_mapping": "coarse", "medium_mapping": "medium", "fine_mapping": "fine", "mapping": "all"}


def contents(tree: FileTree) -> list[Content]:
    """The mapper in a published file and, where there is one, the generator beside it."""
    table = tree.table("state_dict")
    own = {name: value for name, value in table.items() if not name.startswith("decoder.")}
    if not any(name.startswith("mapper.") for name in own):
        return []
    ours = our_names(own)
    settings = describe(ours.values())
    told = _told(tree.value.get("opts"))

    def read() -> dict[str, Tensor]:
        check_keys(ours, own)
        _check_options(settings, told)
        return {ours[name]: tensor for name, tensor in read_tensors(own).items()}

    found = [Content("mapper", FORMAT, read, {**settings, **_text(told)})]
    decoder = {name.removeprefix("decoder."): table[name] for name in table if name not in own}
    return found + ([rosinality.generator_part(decoder, None)] if decoder else [])


def save_mapper(
    mapper: Mapper,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a mapper, all or nothing; `metadata` is added to what describes it. Raises OutputError."""
    tensors = mapper.state_dict()
    return save_tensors(tensors, path, {**(metadata or {}), **describe(tensors), KIND: "mapper"}, dtype)


def read_record(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a file of either kind tells of the training, fit to be printed; raises WeightError for nonsense."""
    if "about" not in settings:
        text = settings.get("description")
        return {"target": printable(text)} if isinstance(text, str) and text.strip() else {}
    told = json.loads(settings["about"])
    if not isinstance(told, dict):
        raise WeightError("it does not say how it was trained; train it again")
    return {name: printable(value) if isinstance(value, str) else value for name, value in told.items()}


def mapper_network(tensors: Mapping[str, Tensor]) -> Mapper:
    """The network that tensors of these names (ours) and shapes belong to, not yet filled with them."""
    levels = [level for level in LEVELS if f"{level}.fc0.weight" in tensors]
    if levels:
        return LevelsMapper(levels, w_dim=_width(tensors[f"{levels[0]}.fc0.weight"]))
    matches = (re.fullmatch(r"b(\d+)\.conv1\.fc0\.weight", name) for name in tensors)
    channels = {int(match[1]): _width(tensors[match[0]]) for match in matches if match}
    if not channels:
        raise WeightError("it has no tensor named coarse.fc0.weight or b4.conv1.fc0.weight; pass a latent mapper")
    layout = StyleLayout.from_channels(dict(sorted(channels.items())))
    return StyleMapper(layout, torgb=any(".torgb." in name for name in tensors))


def describe(names: Collection[str]) -> dict[str, str]:
    """The settings of a mapper with tensors of these names (ours)."""
    networks = {name.rpartition(".fc")[0] for name in names}
    if any("." in network for network in networks):
        return {"mapper": "full stylespace" if "b4.torgb" in networks else "stylespace"}
    levels = " ".join(level for level in LEVELS if level in networks)
    return {"mapper": "single"} if levels == "all" else {"mapper": "levels", "levels": levels}


def our_names(names: Collection[str]) -> dict[str, str]:
    """Every tensor of the mapper that these names of a published file tell of: the file's name -> ours."""
    heads = {name.split(".")[1] for name in names if name.startswith("mapper.")}
    indices = [int(match[1]) for match in (re.fullmatch(r"mapper_(\d{1,2})", head) for head in heads) if match]
    networks = _style_networks(indices) if indices else W_PLUS_NETWORKS
    return {
        f"mapper.{theirs}.mapping.{i + 1}.{kind}": f"{ours}.fc{i}.{kind}"
        for theirs, ours in networks.items()
        if indices or theirs in heads
        for i in range(LAYERS)
        for kind in ("weight", "bias")
    }


def _style_networks(indices: list[int]) -> dict[str, str]:
    """The networks of all layers up to the last of these, without toRGB unless these have some."""
    sides = [2 ** (i + 2) for i in range((max(indices) + 1) // 3 + 1)]
    entries = StyleLayout.from_channels(dict.fromkeys(sides, 1)).entries
    torgb = any(entries[i].is_torgb for i in indices)
    return {f"mapper_{i}": entry.name for i, entry in enumerate(entries) if torgb or not entry.is_torgb}


def _told(options: Any) -> Mapping[str, Any]:
    """The training options in the file, a dict or a Namespace; {} for anything else."""
    given = options.state if isinstance(options, InertObject) else options
    return given if isinstance(given, Mapping) else {}


def _text(given: Mapping[str, Any]) -> dict[str, str]:
    """The text that the mapper was trained for, where the options tell."""
    text = given.get("description")
    return {"description": text} if isinstance(text, str) else {}


def _check_options(settings: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Raise WeightError where the training options speak of another mapper."""
    expected = _options_of(settings)
    wrong = [f"{name}={shown(given[name])}" for name in expected if given.get(name) not in (None, expected[name])]
    if wrong:
        kind = " ".join(settings.values())
        raise WeightError(f"its options say {', '.join(wrong)}, but its tensors are those of {kind}; download it again")


def _options_of(settings: Mapping[str, str]) -> dict[str, object]:
    """The options StyleCLIP trains such a mapper with; in style space it does not look at the mapper's type."""
    kind = settings["mapper"]
    if kind == "levels":
        dropped = {f"no_{level}_mapper": level not in settings["levels"] for level in ("coarse", "medium", "fine")}
        return {"mapper_type": "LevelsMapper", "work_in_stylespace": False, **dropped}
    if kind == "single":
        return {"mapper_type": "SingleMapper", "work_in_stylespace": False}
    return {"work_in_stylespace": True}


def _width(weight: Tensor) -> int:
    return weight.shape[-1] if weight.ndim else 0
