"""Latents and tables: files of StyleCLIP, e4e, PTI and StyleSpace, and our latents.

| file | content | kind |
|---|---|---|
| `train_faces.pt`, `w_plus.npy`, a pivot of PTI | one tensor [N, num_ws, w_dim] | latents in W+ |
| `W.npy` | one tensor [N, w_dim] | latents in W |
| latents in style space | a list with [N, 1, C_i, 1, 1] of every layer | latents in S |
| `S` | a list of names and a list with [N, C_i] of every layer | latents in S |
| our `latent.safetensors` | a tensor named z, w, w+ or s | latents in that space |
| `S_mean_std` | a list of means and one of deviations, [C_i] of every layer | statistics of S |
| `fs3.npy` | one tensor [rows, D] whose rows have length one | relevance of the style channels for CLIP |

The layers of S, toRGB included, are in execution order, so their concatenation is our flat S.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space, StyleLayout
from styleclip.weights.formats.configs import table_content
from styleclip.weights.formats.content import Content, FileTree
from styleclip.weights.safe_pickle.lazy_tensors import ComputedTensor, LazyTensor, check_sharing

FORMAT = "StyleCLIP"
ROW_BATCH = 64  # read to tell directions from latents; checked at once


def contents(tree: FileTree) -> list[Content]:
    """The table in the file as a list of one content, [] for other files."""
    match tree.value:
        case dict() as named if named and named.keys() <= set(Space):
            return [_named_latents(named)]
        case LazyTensor() as table if len(table.shape) == 3:
            return [_latents(Space.W_PLUS, table.shape, table.read)]
        case LazyTensor() as table if len(table.shape) == 2:
            return _matrix_contents(table)
        case [*layers] if _are_tables(layers, axes=5):
            return [_style_latents(layers)]
        case [[*names], [*layers]] if _are_names(names) and _are_tables(layers, axes=2):
            return [_style_latents(layers)]
        case [[*means], [*stds]] if _are_tables(means, axes=1) and _are_tables(stds, axes=1):
            return [_statistics(means, stds)]
    return []


def _named_latents(named: Mapping[str, LazyTensor]) -> Content:
    if len(named) > 1:
        raise WeightError(f"it holds latents named {' and '.join(named)}; save them to one file each")
    [(space, table)] = named.items()
    return _latents(Space(space), table.shape, table.read)


def _matrix_contents(table: LazyTensor) -> list[Content]:
    """Latents in W, or a relevance table; [] for a single direction, such as those of InterFaceGAN."""
    if not _has_unit_rows(table):
        return [_latents(Space.W, table.shape, table.read)]
    if table.shape[0] == 1:
        return []
    rows = ComputedTensor(table.shape, lambda: _check_finite(table.read()))
    return [table_content("relevance", FORMAT, {"relevance": rows})]


def _style_latents(layers: Sequence[LazyTensor]) -> Content:
    _check_widths(layers)
    return _latents(Space.S, (layers[0].shape[0], sum(_widths(layers))), partial(_concatenate, layers))


def _statistics(means: Sequence[LazyTensor], stds: Sequence[LazyTensor]) -> Content:
    tensors = {}
    for name, layers in (("mean", means), ("std", stds)):
        _check_widths(layers)
        tensors[name] = ComputedTensor((sum(_widths(layers)),), partial(_concatenate, layers))
    return table_content("statistics", FORMAT, tensors)


def _latents(space: Space, shape: Sequence[int], read: Callable[[], Tensor]) -> Content:
    tensors = {space.value: ComputedTensor(shape, lambda: _check_finite(read()))}
    if len(shape) == space.ndim:
        return table_content("latents", FORMAT, tensors, space)
    axes = f"a latent in {space.value} has {space.ndim} axes, not {list(shape)}; save it again"
    return Content("latents", FORMAT, problem=WeightError(axes))


def _concatenate(layers: Sequence[LazyTensor]) -> Tensor:
    """The tables of every layer, [N, 1, C_i, 1, 1] or [N, C_i] or [C_i] -> [N, C] or [C]."""
    check_sharing(layers)
    tables = [layer.read() for layer in layers]
    return _check_finite(torch.cat([table.flatten(1) if table.ndim > 1 else table for table in tables], dim=-1))


def _check_finite(table: Tensor) -> Tensor:
    """The table in float32; raises WeightError unless its numbers are finite."""
    if not table.is_floating_point() or not table.numel():
        raise WeightError(f"its table {list(table.shape)} of {table.dtype} holds no real numbers; pass another file")
    if not all(rows.isfinite().all() for rows in table.split(ROW_BATCH)):
        raise WeightError("it holds NaN or infinite numbers; download it again")
    return table.float()


def _check_widths(layers: Sequence[LazyTensor]) -> None:
    """Raise WeightError unless these are the tables of all layers of a StyleGAN2."""
    widths = _widths(layers)
    channels = {2 ** (i + 2): width for i, width in enumerate(widths[:99:3])}  # of b4.conv1, b8.conv1, b16.conv1, ...
    if widths != [entry.channels for entry in StyleLayout.from_channels(channels).entries]:
        raise WeightError(
            f"its {len(widths)} layers have the widths of no StyleGAN2; pass all of them, toRGB included, in order"
        )


def _widths(layers: Sequence[LazyTensor]) -> list[int]:
    return [math.prod(layer.shape[1:]) if len(layer.shape) > 1 else layer.shape[0] for layer in layers]


def _are_names(names: Sequence[Any]) -> bool:
    return all(isinstance(name, str) for name in names)


def _are_tables(layers: Sequence[Any], axes: int) -> bool:
    return bool(layers) and all(isinstance(layer, LazyTensor) and len(layer.shape) == axes for layer in layers)


def _has_unit_rows(table: Any) -> bool:
    head = torch.from_numpy(np.array(table.array[:ROW_BATCH])) if hasattr(table, "array") else table.read()[:ROW_BATCH]
    lengths = head.float().norm(dim=1)
    return bool(((lengths - 1).abs() < 0.01).all())  # half precision has an error of 0.001
