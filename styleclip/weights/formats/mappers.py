"""Latent mappers in the files of StyleCLIP; StyleGAN-NADA's are the same.

A file is `{"state_dict": ..., "opts": ...}`, with the mapper under `mapper.` and usually a generator, in rosinality's
names, under `decoder.`. The mapper's networks are `mapping` (one for all of W+), or `course_mapping` (so
spelled), `medium_mapping` and `fine_mapping`, or `mapper_0`, `mapper_1`, ... for the layers of style space in execution
order, with or without toRGB. Layer i of a network is `mapping.{i + 1}`. The networks follow from the names of the
tensors; `opts` is only compared with them, as old files lack some of its keys.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from styleclip.errors import WeightError
from styleclip.latents import StyleLayout
from styleclip.networks.latent_mapper import LAYERS
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.configs import mapper_content, mapper_settings
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.encoders import training_options
from styleclip.weights.formats.messages import plain_line, short_repr
from styleclip.weights.safe_pickle.lazy_tensors import named_tensors
from styleclip.weights.state_dict import check_keys

FORMAT = "StyleCLIP mapper"
W_PLUS_NETWORKS = {"course_mapping": "coarse", "medium_mapping": "medium", "fine_mapping": "fine", "mapping": "all"}


def contents(tree: FileTree) -> list[Content]:
    """The mapper, and the generator if the file has one."""
    table = tree.table("state_dict")
    mapper = {name: value for name, value in table.items() if not name.startswith("decoder.")}
    if not any(name.startswith("mapper.") for name in mapper):
        return []
    options = training_options(tree)
    found = [attempt("mapper", FORMAT, "", lambda: _mapper(mapper, options))]
    decoder = {name.removeprefix("decoder."): table[name] for name in table if name not in mapper}
    return found + ([rosinality.generator(decoder, None)] if decoder else [])


def our_names(names: Collection[str]) -> dict[str, str]:
    """All tensors of the mapper with these names in a published file: name in the file -> our name."""
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


def _mapper(mapper: Mapping[str, Any], options: Mapping[str, Any]) -> Content:
    names = our_names(mapper)
    check_keys(names, mapper)
    _check_options(mapper_settings(names.values()), options)
    tensors = {names[name]: tensor for name, tensor in named_tensors(mapper).items()}
    text = options.get("description")  # the text that the mapper was trained for
    target = plain_line(text) if isinstance(text, str) else ""
    return mapper_content(FORMAT, tensors, {"target": target} if target else {})


def _style_networks(indices: list[int]) -> dict[str, str]:
    """The networks of all layers up to the last index, without toRGB unless the indices include one."""
    sides = [2 ** (i + 2) for i in range((max(indices) + 1) // 3 + 1)]
    entries = StyleLayout.from_channels(dict.fromkeys(sides, 1)).entries
    torgb = any(entries[i].is_torgb for i in indices)
    return {f"mapper_{i}": entry.name for i, entry in enumerate(entries) if torgb or not entry.is_torgb}


def _check_options(settings: Mapping[str, str], options: Mapping[str, Any]) -> None:
    """Raise WeightError where the training options are those of another mapper."""
    expected = _expected_options(settings)
    wrong = [
        f"{name}={short_repr(options[name])}" for name in expected if options.get(name) not in (None, expected[name])
    ]
    if wrong:
        kind = " ".join(settings.values())
        raise WeightError(f"its options say {', '.join(wrong)}, but its tensors are those of {kind}; download it again")


def _expected_options(settings: Mapping[str, str]) -> dict[str, object]:
    """The options with which StyleCLIP trains such a mapper; in style space it ignores `mapper_type`."""
    kind = settings["mapper"]
    if kind == "levels":
        dropped = {f"no_{level}_mapper": level not in settings["levels"] for level in ("coarse", "medium", "fine")}
        return {"mapper_type": "LevelsMapper", "work_in_stylespace": False, **dropped}
    if kind == "single":
        return {"mapper_type": "SingleMapper", "work_in_stylespace": False}
    return {"work_in_stylespace": True}
