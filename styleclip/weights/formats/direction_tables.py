"""Directions in files of any author: which tables a file has, under which names.

| structure | who writes it |
|---|---|
| those of `component_tables` | GANSpace, e4e, rosinality, ComfyUI-StyleGan |
| a tensor: [d], [1, d], [num_ws, d], [1, num_ws, d], [1, num_ws * d], [K, d] | InterFaceGAN, e4e, STIT, TargetCLIP |
| `{name: tensor}`, numbers and texts beside them | sets, npz and safetensors of several |
| `{name: {"direction": tensor, ...}}`, also `boundary`, `delta` and others of `KEYS` | sets with a record of each |
| a list of tensors of one width | sets without names |
| a list, or a dict in execution order, with the styles of every layer | edits in S |
| a dict of the styles `input`, `L0_36_1024` ... of a StyleGAN3 (`stylegan3_styles.py`) | stylegan3-editing |

The shapes of a generator tell the space of each table and how many directions it holds (`directions.importing`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space
from styleclip.text.names import first_names
from styleclip.weights.formats.code_tables import KEYS as LATENT_KEYS
from styleclip.weights.formats.code_tables import PARAMETERS, SPACES, are_layers, concatenate, layer_widths
from styleclip.weights.formats.component_tables import published_directions
from styleclip.weights.formats.content import Content, FileTree
from styleclip.weights.formats.family import latent_readings
from styleclip.weights.formats.found_direction import FoundDirection
from styleclip.weights.formats.messages import plain_line
from styleclip.weights.formats.own_files import KIND
from styleclip.weights.formats.stylegan3_styles import styles_in_order
from styleclip.weights.safe_pickle.lazy_arrays import LazyArray
from styleclip.weights.safe_pickle.lazy_tensors import ComputedTensor, LazyTensor, check_sharing

KEYS = ("direction", "boundary", "delta", "step", "vector", "edit", "data")  # of the tensor in a dict of one direction
INTERCEPT = "intercept_"  # of a linear classifier of scikit-learn, beside its normal
MAX_DIRECTIONS = 1024  # in a file; the record of as many fits in a file of ours
MAX_NAME_CHARS = 60
MAX_DEPTH = 2  # of dicts and lists around the tensors
MAX_SHOWN = 6  # tables in a summary
STYLE_AXES = 5  # of styles [N, 1, C, 1, 1], which are no directions of W
LATENTS = "the file calls it latents; it is read as a direction, as asked"


def contents(tree: FileTree) -> list[Content]:
    """The directions of a file that can hold nothing else, as one content of kind `directions`; [] for other files."""
    return _content(published_directions(tree))


def other_contents(tree: FileTree) -> list[Content]:
    """The directions of a file that no format knows, where each of its tables may be one of a StyleGAN2."""
    found = find_directions(tree)
    return _content(found) if all(latent_readings(each.tensor.shape, each.space) for each in found) else []


def _content(found: Sequence[FoundDirection]) -> list[Content]:
    """The content of a file with these tables; its summary has what the file says, for `models inspect`."""
    if not found:
        return []
    first = found[0]
    count = sum(each.tensor.shape[0] if each.separate and len(each.tensor.shape) > 1 else 1 for each in found)
    shapes = [f"{each.name} {list(each.tensor.shape)}".strip() for each in found]
    summary = {
        "directions": count,
        "tables": first_names(shapes, MAX_SHOWN),
        **({"layers": f"{first.layers[0]}-{first.layers[1]}"} if first.layers else {}),
        **({"range": f"{first.range[0]:g} to {first.range[1]:g}"} if first.range else {}),
        **first.facts,
    }
    tensors = {str(i): each.tensor for i, each in enumerate(found)}
    return [Content("directions", first.format, None, tensors, first.facts, summary)]


def find_directions(tree: FileTree) -> list[FoundDirection]:
    """The tables of directions in a file of any author, [] where it holds none; no tensor is read.

    Raises WeightError for a file of a known structure with wrong shapes or values, and for too many directions.
    """
    if tree.container == "dlib" or KIND in tree.metadata:
        return []
    found = published_directions(tree) or _find(tree.value)
    if len(found) > MAX_DIRECTIONS:
        raise WeightError(f"it holds {len(found):,} tensors, more than {MAX_DIRECTIONS} directions; pass fewer of them")
    check_sharing([each.tensor for each in found])
    return found


def _find(value: Any, depth: int = 0) -> list[FoundDirection]:
    value = _plain(value)
    match value:
        case LazyTensor():
            return [FoundDirection("", value)] if value.shape else []
        case [[*names], [*tables]] if _are_texts(names) and len(names) == len(tables):
            return _find_in_pairs([*zip(names, map(_plain, tables), strict=True)], depth)
        case list() | tuple():
            return _find_in_list([*map(_plain, value[: MAX_DIRECTIONS + 1])], depth)
        case Mapping():
            return _find_in_dict(value, depth)
    return []


def _find_in_list(values: list[Any], depth: int) -> list[FoundDirection]:
    """A direction for each tensor, each pair with its name or each record; or one in S of the styles of all layers."""
    pairs = [pair for pair in map(_named, values) if pair]
    if pairs and len(pairs) == len(values):
        return _find_in_pairs(pairs, depth)
    if not _are_tensors(values):
        return []
    if _are_styles(values):
        return _layers(values)
    return [FoundDirection("", each, separate=_is_row(each)) for each in values]


def _find_in_pairs(pairs: Sequence[tuple[str, Any]], depth: int) -> list[FoundDirection]:
    """Names and tensors; names that stand twice are left out."""
    tensors = [tensor for _, tensor in pairs]
    if _are_tensors(tensors) and _are_styles(tensors):
        return _layers(tensors)
    return _find_in_dict(dict(pairs), depth) if len(dict(pairs)) == len(pairs) else _find_in_list(tensors, depth)


def _named(value: Any) -> tuple[str, Any] | None:
    """The name and the tensor of `(name, tensor)` or `{"name": ..., "direction": tensor}`; None for others."""
    match value:
        case [str() as name, table]:
            return name, table
        case {"name": str() as name}:
            return name, _table_of(value)
    return None


def _find_in_dict(values: Mapping[Any, Any], depth: int) -> list[FoundDirection]:
    """A direction for each entry, or one in S where they are the styles of all layers; remarks are left out.

    An only entry that is a dict or a list stands for them, with the names in a list of texts beside it.
    """
    if any(str(key).rpartition(".")[2] in PARAMETERS for key in values):
        return []
    if styles := styles_in_order(values):
        return [styles_by_layer(styles)]
    entries = {key: _table_of(each) for key, each in list(values.items())[: MAX_DIRECTIONS + 1]}
    tables = {key: each for key, each in entries.items() if key != INTERCEPT and not _is_remark(each)}
    if len(tables) == 1 and depth < MAX_DEPTH and isinstance([*tables.values()][0], list | tuple | Mapping):
        [inner] = tables.values()
        names = next((each for each in entries.values() if _are_texts(each) and len(each) == len(inner)), None)
        return _find([names, inner] if names and not isinstance(inner, Mapping) else inner, depth + 1)
    if not _are_tensors([*tables.values()]):
        return []
    if len(tables) > 2 and _are_styles([*tables.values()]) and are_layers(layer_widths([*tables.values()])):
        return _layers([*tables.values()])
    found = []
    for key, tensor in tables.items():
        name = plain_line(str(key))[:MAX_NAME_CHARS]
        notes = (LATENTS,) if name.lower() in LATENT_KEYS else ()
        space = SPACES.get(name.lower())
        found.append(FoundDirection(name, tensor, space=space, separate=_is_row(tensor), notes=notes))
    return found


def _table_of(value: Any) -> Any:
    """The tensor of a dict of one direction; any other value as it is."""
    value = _plain(value)
    if isinstance(value, Mapping):
        return next((_plain(value[key]) for key in KEYS if isinstance(_plain(value.get(key)), LazyTensor)), value)
    return value


def _is_remark(value: Any) -> bool:
    """Whether a value beside directions is a number, a text, or a list or an array of these."""
    if isinstance(value, LazyArray) and value.tensor is None:
        return True
    if isinstance(value, LazyTensor):
        return not value.shape
    return isinstance(value, bool | int | float | str | None) or _are_texts(value)


def _are_texts(value: Any) -> bool:
    """Whether a value is a list of texts or numbers."""
    is_list = isinstance(value, list | tuple) and bool(value)
    return is_list and all(isinstance(each, str | int | float) for each in value)


def _plain(value: Any) -> Any:
    """The values of an array of objects, e.g. a dict in an `.npy`."""
    return value.objects if isinstance(value, LazyArray) and value.objects is not None else value


def _are_tensors(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(each, LazyTensor) and each.shape for each in values)


def _is_row(tensor: LazyTensor) -> bool:
    """Whether the tensor is one vector."""
    return math.prod(tensor.shape[:-1]) == 1


def _are_styles(tensors: Sequence[LazyTensor]) -> bool:
    """Whether these are vectors of several widths, or have the axes of styles."""
    if all(len(each.shape) == STYLE_AXES for each in tensors):
        return True
    one_axis = all(len([size for size in each.shape if size != 1]) <= 1 for each in tensors)
    return one_axis and len({each.shape for each in tensors}) > 1 and len(set(layer_widths(tensors))) > 1


def _layers(layers: Sequence[Any]) -> list[FoundDirection]:
    """One direction in S from the styles of every layer, or as many as each layer has rows."""
    return [styles_by_layer(layers)] if _are_tensors(layers) else []


def styles_by_layer(layers: Sequence[LazyTensor], notes: tuple[str, ...] = ()) -> FoundDirection:
    """A table [N, C] from the styles [N, C_i], [N, 1, C_i, 1, 1] or [C_i] of every layer."""
    widths = tuple(layer_widths(layers))

    def read() -> Tensor:
        table = concatenate(layers)
        return table if table.ndim > 1 else table[None]

    count = layers[0].shape[0] if len(layers[0].shape) > 1 else 1
    tensor = ComputedTensor((count, sum(widths)), read)
    return FoundDirection("", tensor, space=Space.S, separate=True, widths=widths, notes=notes)
