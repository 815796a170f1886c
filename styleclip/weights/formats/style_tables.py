"""Tables: latents of any author, StyleCLIP's relevance and statistics of style channels, and arbitrary ones.

| file | content | kind |
|---|---|---|
| our `latent.safetensors` | a tensor named z, w, w+ or s | latents in that space |
| `train_faces.pt`, `w_plus.npy`, `projected_w.npz` | what `code_tables` finds | latents in a space by the generator |
| `S` | a list of names and a list with [N, C_i] of every layer | latents in S |
| `S_mean_std` | a list of means and one of deviations, [C_i] of every layer | statistics of S |
| `s_stats` | the same of a StyleGAN3 (`stylegan3_styles.py`) | statistics of S |
| `fs3.npy` | [rows, D], rows of length one, as many as a generator has channels | relevance of the channels |
| any other tensor | its shape fits no generator of the usual sizes | table |

Whether the shape fits is a hint for people (`family`). The loaders take latents and tables alike, and compare them with
the generator in use. The layers of S are in execution order, so their concatenation is our flat S.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space
from styleclip.weights.formats.code_tables import CodeTable, check_widths, concatenate, find_codes, layer_widths
from styleclip.weights.formats.configs import table_content
from styleclip.weights.formats.content import Content, FileTree, Kind
from styleclip.weights.formats.family import NUM_WS, is_w_plus, latent_readings, relevance_readings
from styleclip.weights.formats.stylegan3_styles import statistics_in_order
from styleclip.weights.safe_pickle.lazy_tensors import ComputedTensor, LazyTensor, dtype_name
from styleclip.weights.safe_pickle.npy_files import NpyArray

FORMAT = "StyleCLIP"
ANY_FORMAT = "a table"
TABLE = "table"  # the name of the tensor of a table whose space the generator tells
CODES = "codes"  # its name where each row is a code of Z or W by itself
UNIT_ROWS = "its rows have length 1, as those of directions and of relevance tables have"
IMPORTABLE = "`styleclip direction import` reads a table of this shape as a direction"
ROW_BATCH = 64  # read to tell directions from latents; checked at once


def contents(tree: FileTree) -> list[Content]:
    """The table in the file as a list of one content, [] for other files."""
    match tree.value:
        case dict() as named if tree.container == "safetensors" and named and named.keys() <= set(Space):
            return [_named_latents(named)]
        case [[*names], [*layers]] if _are_names(names) and _are_tables(layers, axes=2):
            return [_style_latents(layers)]
        case [[*means], [*stds]] if _are_tables(means, axes=1) and _are_tables(stds, axes=1):
            check_widths(means)
            check_widths(stds)
            return [_statistics(means, stds)]
    if found := statistics_in_order(tree.value):
        return [_statistics(*found)]
    codes = find_codes(tree.value)
    return _table(codes) if codes else []


def _named_latents(named: Mapping[str, LazyTensor]) -> Content:
    if len(named) > 1:
        raise WeightError(f"it holds latents named {' and '.join(named)}; save them to one file each")
    [(name, table)] = named.items()
    space = Space(name)
    if len(table.shape) == space.ndim:
        return _latents(space, table.shape, table.read)
    axes = f"a latent in {name} has {space.ndim} axes, not {list(table.shape)}; save it again"
    return Content("latents", FORMAT, problem=WeightError(axes))


def _table(codes: CodeTable) -> list[Content]:
    """Latents whose space the file or the generator tells, a relevance table, or a table of neither shape."""
    table, shape = codes.tensor, codes.tensor.shape
    if not shape:
        return []
    if not all(shape):
        raise WeightError(f"its table {list(shape)} holds no real numbers; pass another file")
    unit = codes.space is None and has_unit_rows(table)
    fits = relevance_readings(shape) if unit else latent_readings(shape, codes.space, codes.separate)
    if unit and fits:
        content = table_content("relevance", FORMAT, {"relevance": _finite(table, "relevance table")})
    else:
        fits = fits if table.is_real else []
        kind: Kind = "latents" if fits else "table"
        name = codes.space or (Space.W_PLUS if fits and is_w_plus(shape) else CODES if codes.separate else TABLE)
        tensors = {str(name): ComputedTensor(shape, lambda: check_finite(table.read()))}
        content = table_content(kind, ANY_FORMAT, tensors, codes.space)
    facts = {"fits": "; ".join(fits)} if fits else {"remark": f"{UNIT_ROWS}; {IMPORTABLE}"} if unit else {}
    if content.kind == "latents" and math.prod(shape[:-1]) in (1, *NUM_WS):  # one code, or perhaps one
        facts["remark"] = IMPORTABLE
    return [replace(content, summary={**content.summary, **facts}, warnings=codes.warnings)]


def _style_latents(layers: Sequence[LazyTensor]) -> Content:
    check_widths(layers)
    return _latents(Space.S, (layers[0].shape[0], sum(layer_widths(layers))), partial(concatenate, layers))


def _statistics(means: Sequence[LazyTensor], stds: Sequence[LazyTensor]) -> Content:
    tensors = {}
    for name, layers, check in (("mean", means, check_real), ("std", stds, check_deviations)):
        table = _finite(ComputedTensor((sum(layer_widths(layers)),), partial(concatenate, layers)))
        tensors[name] = ComputedTensor(table.shape, partial(_read_and_check, table, check))
    return table_content("statistics", FORMAT, tensors)


def _latents(space: Space, shape: Sequence[int], read: Callable[[], Tensor]) -> Content:
    tensors = {space.value: ComputedTensor(shape, lambda: check_real(check_finite(read())))}
    return table_content("latents", FORMAT, tensors, space)


def _finite(table: LazyTensor, noun: str = "table") -> ComputedTensor:
    return ComputedTensor(table.shape, lambda: check_real(check_finite(table.read(), noun)))


def check_real(table: Tensor) -> Tensor:
    """The table in float32; raises WeightError unless it holds real numbers."""
    if not table.is_floating_point() or not table.numel():
        raise _no_real_numbers(table)
    converted = table.float()
    if not converted.isfinite().all():
        raise WeightError(f"its table {list(table.shape)} holds numbers that float32 has not; pass another file")
    return converted


def _no_real_numbers(table: Tensor) -> WeightError:
    shape = f"its table {list(table.shape)} of {dtype_name(table)}"
    return WeightError(f"{shape} holds no real numbers; pass another file")


def check_finite(table: Tensor, noun: str = "table") -> Tensor:
    """The table; raises WeightError, which calls it `noun`, for NaN and infinity, and for numbers of 8 bits."""
    if table.is_floating_point() and table.element_size() == 1:
        raise _no_real_numbers(table)
    if table.is_floating_point() and not all(rows.isfinite().all() for rows in table.split(ROW_BATCH)):
        raise WeightError(f"its {noun} {list(table.shape)} holds NaN or infinite numbers; download it again")
    return table


def check_deviations(std: Tensor, remedy: str = "pass the means first and the deviations second") -> Tensor:
    """Standard deviations of channels; raises WeightError where one is negative or all are zero."""
    if (std < 0).any() or not std.any():
        wrong = "negative" if (std < 0).any() else "all zero"
        raise WeightError(f"its standard deviations {list(std.shape)} are {wrong}; {remedy}")
    return std


def _read_and_check(table: LazyTensor, check: Callable[[Tensor], Tensor]) -> Tensor:
    return check(table.read())


def _are_names(names: Sequence[Any]) -> bool:
    return all(isinstance(name, str) for name in names)


def _are_tables(layers: Sequence[Any], axes: int) -> bool:
    return bool(layers) and all(isinstance(layer, LazyTensor) and len(layer.shape) == axes for layer in layers)


def has_unit_rows(table: LazyTensor) -> bool:
    """Whether all rows of a matrix have length one but for zero rows and NaN, of which some tables have a few."""
    if not is_matrix(table.shape):
        return False
    head = table.rows(ROW_BATCH) if isinstance(table, NpyArray) and len(table.shape) > 1 else table.read()
    return is_unit(head[:ROW_BATCH] if head.ndim > 1 else head, lambda: table.read())


def is_matrix(shape: Sequence[int]) -> bool:
    """Whether a table has rows of several numbers, and one axis of them at most beside axes of length one."""
    return bool(shape) and shape[-1] > 1 and sum(size != 1 for size in shape[:-1]) <= 1


def is_unit(head: Tensor, everything: Callable[[], Tensor]) -> bool:
    """Whether the usable rows of `head` have length one; where it has none, those of the whole table."""
    for rows in (lambda: head, everything):
        numbers = rows()
        if not numbers.is_floating_point():
            return False
        lengths = numbers.float().reshape(-1, numbers.shape[-1]).norm(dim=1)
        usable = lengths[lengths.isfinite() & (lengths > 0)]
        if len(usable):
            return bool(((usable - 1).abs() < 0.01).all())  # half precision has an error of 0.001
    return False
