"""Directions of GANSpace, of rosinality's factorisation and of ComfyUI-StyleGan, each in the structure of its author.

| structure | who writes it |
|---|---|
| `{"mean": [1, d], "comp": [K, 1, d], "std": [K]}` | e4e, PTI, SFE: `ffhq_pca.pt` |
| npz of `lat_comp` [K, 1, d], `lat_mean`, `lat_stdev` and those of activations, `act_*` | GANSpace's cache |
| `{"lat_comp": [1, d], "lat_stdev": number, "edit_start", "edit_end", "sigma_range", ...}` | GANSpace, a saved edit |
| `{"ckpt": text, "eigvec": [d, K]}`, a direction in each column | rosinality, `closed_form_factorization.py` |
| safetensors `component_00` [d], ...; metadata `method`, `component_order` | ComfyUI-StyleGan |

One alpha is a standard deviation where the file has them, else the length of the vector in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.found_direction import FoundDirection
from styleclip.weights.formats.messages import plain_line, short_repr
from styleclip.weights.safe_pickle.lazy_tensors import ComputedTensor, ConvertedTensor, LazyTensor, named_tensors

GANSPACE = "GANSpace"
FACTORISATION = "rosinality's closed-form factorisation"
COMFY = "ComfyUI-StyleGan"
COMPONENT_NAME = re.compile(r"component_\d+")
COMFY_RANGES = {"sefa": (-10.0, 10.0), "ganspace": (-3.0, 3.0)}  # by method, in ComfyUI-StyleGan's sweeps
MAX_TEXT_CHARS = 100  # of a text of the file in the record
MAX_LAYERS = 100
IN_Z = "its components are directions in z, by which layers cannot be edited; compute them with GANSpace's --use_w"


def published_directions(tree: FileTree) -> list[FoundDirection]:
    """The directions of a file in one of these structures, [] for any other; no tensor is read."""
    table = tree.table()
    if isinstance(table.get("eigvec"), LazyTensor):
        return [_factors(table)]
    if isinstance(table.get("lat_comp"), LazyTensor) and "component_index" in table:
        return [_saved_edit(table)]
    for comp, std, mean in (("comp", "std", "mean"), ("lat_comp", "lat_stdev", "lat_mean")):
        if all(isinstance(table.get(name), LazyTensor) for name in (comp, std)):
            return [_components(table[comp], table[std], table.get(mean), of_z_if_ones=comp == "lat_comp")]
    if tree.container == "safetensors" and table and _is_comfy(tree):
        return _comfy_pack(tree)
    return []


def _components(comp: LazyTensor, std: LazyTensor, mean: Any, of_z_if_ones: bool) -> FoundDirection:
    """GANSpace's principal axes; a step is one standard deviation.

    With `of_z_if_ones`, components are of z where all deviations are 1 (decomposition.py, without use_w).
    """
    shape = [size for size in comp.shape[:-1] if size != 1] + [*comp.shape[-1:]]
    rows = shape[0] if len(shape) == 2 else 1
    if not 1 <= len(shape) <= 2 or [size for size in std.shape if size != 1] != [size for size in [rows] if size != 1]:
        raise WeightError(
            f"its components {list(comp.shape)} and deviations {list(std.shape)} do not fit; download it again"
        )
    center = None
    if isinstance(mean, LazyTensor):
        if [size for size in mean.shape if size != 1] != shape[-1:]:
            raise WeightError(f"its mean {list(mean.shape)} is none of its components; download it again")
        center = ConvertedTensor(mean, torch.flatten)
    steps = ComputedTensor((rows, shape[-1]), partial(_steps, comp, std, of_z_if_ones))
    return FoundDirection("", steps, GANSPACE, separate=True, center=center)


def _steps(comp: LazyTensor, std: LazyTensor, of_z_if_ones: bool) -> Tensor:
    """[K, d]: components times standard deviations. Raises WeightError for components of z."""
    rows, deviations = comp.read(), std.read().reshape(-1, 1)
    if of_z_if_ones and bool((deviations == 1).all()):
        raise WeightError(IN_Z)
    return rows.reshape(len(deviations), -1) * deviations


def _saved_edit(table: Mapping[str, Any]) -> FoundDirection:
    """An edit that GANSpace's interactive.py saved: a component, the w that it moves, and the end of its slider."""
    std, limit = _number(table, "lat_stdev"), _number(table, "sigma_range")
    start, end = (_count(table, name) for name in ("edit_start", "edit_end"))
    if not start < end <= MAX_LAYERS:
        raise WeightError(f"its edit moves the layers {start} to {end - 1}, which are none; save it again")
    kind = table.get("edit_type")
    notes = ("it is an edit of activations; only its latent part is used",) if kind in ("activation", "both") else ()
    texts = ("model_name", "output_class", "latent_space", "edit_type")
    facts = {name: _text(table[name]) for name in texts if isinstance(table.get(name), str)}
    return FoundDirection(
        _text(table["name"]) if isinstance(table.get("name"), str) else "",
        ConvertedTensor(table["lat_comp"], lambda comp: comp.flatten() * std),
        GANSPACE,
        Space.Z if table.get("latent_space") == "Z" else None,
        separate=True,
        layers=(start, end - 1),
        range=(-abs(limit), abs(limit)) if limit else None,
        alpha=limit or 1.0,
        facts={**facts, "component": _count(table, "component_index")},
        notes=notes,
    )


def _factors(table: Mapping[str, Any]) -> FoundDirection:
    """The right singular vectors of the affine weights, `torch.svd(W).V`: one direction in each column."""
    vectors = table["eigvec"]
    if len(vectors.shape) != 2 or vectors.shape[1] > vectors.shape[0]:
        raise WeightError(f"its eigvec is of shape {list(vectors.shape)}, not [w_dim, directions]; download it again")
    facts = {"checkpoint": _text(re.split(r"[/\\]", table["ckpt"])[-1])} if isinstance(table.get("ckpt"), str) else {}
    return FoundDirection("", ConvertedTensor(vectors, torch.t), FACTORISATION, separate=True, facts=facts)


def _is_comfy(tree: FileTree) -> bool:
    return "component_order" in tree.metadata or all(COMPONENT_NAME.fullmatch(name) for name in tree.table())


def _comfy_pack(tree: FileTree) -> list[FoundDirection]:
    """The tensors in the order of the metadata, which is that of their eigenvalues."""
    tensors, method = named_tensors(tree.value), tree.metadata.get("method", "")
    try:
        order = json.loads(tree.metadata.get("component_order", "[]"))
    except ValueError as error:
        raise WeightError("its component_order is no JSON; download it again") from error
    known = [name for name in order if name in tensors] if _is_list_of_texts(order) else []
    names = [*dict.fromkeys(known), *sorted(tensors.keys() - set(known))]
    facts = {"method": _text(method)} if method else {}
    reach = COMFY_RANGES.get(method)
    return [FoundDirection(name, tensors[name], COMFY, range=reach, facts=facts) for name in names]


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _number(table: Mapping[str, Any], name: str) -> float:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise WeightError(f"its {name} is {short_repr(value)}, no number; save it again")
    return float(value)


def _count(table: Mapping[str, Any], name: str) -> int:
    value = _number(table, name)
    if value < 0 or value != int(value):
        raise WeightError(f"its {name} is {short_repr(table[name])}, no count; save it again")
    return int(value)


def _text(text: str) -> str:
    return plain_line(text)[:MAX_TEXT_CHARS]
