"""The one table of latent codes in the structures that projectors and inverters write.

| structure | who writes it |
|---|---|
| a tensor, or a list of tensors of one shape | StyleCLIP, e4e, PTI, pSp, idinvert |
| `{"latent": tensor, ...}`; also `latents`, `w`, `w_plus` and others of `KEYS` | JoJoGAN, NVIDIA, StyleFlow |
| `{name: tensor}` of one shape, one code or several each | HyperStyle |
| `{name: {"latent": tensor, "img": ..., "noise": ...}}` | rosinality's projector |
| `{name: [tensor, ...]}`, of every iteration the last counts | ReStyle |
| a list or a dict of the styles of every layer, [N, 1, C_i, 1, 1], [N, C_i] or [C_i] | StyleCLIP, StyleSpace |
| a dict of the styles `input`, `L0_36_1024` ... of a StyleGAN3 (`stylegan3_styles.py`) | stylegan3-editing |

The layers may be all or those without toRGB, in the order of execution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Space, StyleLayout
from styleclip.weights.formats.stylegan3_styles import styles_in_order
from styleclip.weights.safe_pickle.lazy_arrays import LazyArray
from styleclip.weights.safe_pickle.lazy_tensors import ComputedTensor, LazyTensor, check_sharing

KEYS = (
    *("latent", "latents", "w+", "w_plus", "wplus", "ws", "w", "dlatents", "dlatent", "latent_codes", "latent_code"),
    *("codes", "code", "projected_w", "w_pivot", "w_opt", "wp", "latent_in", "z", "s"),
)  # of dicts with one entry of latents, best first
SPACES = {"z": Space.Z, "w+": Space.W_PLUS, "w_plus": Space.W_PLUS, "wplus": Space.W_PLUS}  # that a key tells
PARAMETERS = ("weight", "bias", "mean", "std", "var", "sigma", "comp", "eigvec")  # ends of names of other tables
MAX_VALUES = 2**18  # in the structure
MAX_DEPTH = 5
LAST_ITERATION = "the file holds the latents of several iterations; the last is used"


@dataclass(frozen=True)
class CodeTable:
    """A table of codes, with the shape of one tensor.

    Args:
        tensor: the table.
        space: where the file tells it.
        warnings: for the user.
        separate: whether each row lies by itself in the file, as one code of Z or W for each person.
    """

    tensor: LazyTensor
    space: Space | None = None
    warnings: tuple[str, ...] = ()
    separate: bool = False


@dataclass
class _Finder:
    """Walks a value; the values that it may look at are bounded, since a small file can hold one many times."""

    left: int = field(default=MAX_VALUES)

    def find(self, value: Any, depth: int = 0) -> CodeTable | None:
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            return None
        if isinstance(value, LazyArray) and value.objects is not None:
            return self.find(value.objects, depth + 1)
        if isinstance(value, LazyTensor):
            return CodeTable(value)
        if isinstance(value, Mapping):
            return self.find_in_dict(value, depth)
        if isinstance(value, list | tuple) and value:
            return _join(self.find_all(value, depth))
        return None

    def find_all(self, values: Sequence[Any], depth: int) -> list[CodeTable] | None:
        """The table of every value, None where one has none."""
        found = []
        for value in values:
            table = self.find(value, depth + 1)
            if table is None:
                return None
            found.append(table)
        return found

    def find_in_dict(self, values: Mapping[Any, Any], depth: int) -> CodeTable | None:
        keys = {key.lower(): key for key in values if isinstance(key, str)}
        for name in KEYS:
            if name in keys and (table := self.find(values[keys[name]], depth + 1)):
                return replace(table, space=table.space or SPACES.get(name))
        if not values or any(str(key).rpartition(".")[2] in PARAMETERS for key in values):
            return None
        if styles := styles_in_order(values):
            return _styles_table(styles)
        lists = [value for value in values.values() if isinstance(value, list | tuple) and len(value) > 1]
        found = self.find_all([self.last(value, depth) for value in values.values()], depth)
        if found and len({tuple(each.tensor.shape) for each in found}) > 1:
            return _join_layers(found) if _fit_layers([each.tensor for each in found]) else None
        table = _join(found, named=True)
        return replace(table, warnings=(LAST_ITERATION,)) if table and lists else table

    def last(self, value: Any, depth: int) -> Any:
        """The last of a list of tensors of one shape; any other value as it is."""
        if not isinstance(value, list | tuple) or not value:
            return value
        found = self.find_all(value, depth + 1)
        return value[-1] if found and len({tuple(each.tensor.shape) for each in found}) == 1 else value


def find_codes(value: Any) -> CodeTable | None:
    """The latent codes in a value, if it is one of the structures; no tensor is read."""
    return _Finder().find(value)


def _join(found: list[CodeTable] | None, named: bool = False) -> CodeTable | None:
    """One table from those of a list: codes of one shape below each other, or the layers of S beside each other.

    Rows are separate codes where each has an axis of its own, [1, d], or is `named`; of a list of [d] nobody knows.
    """
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    shapes = [tuple(each.tensor.shape) for each in found]
    if len(shapes[0]) == 5 or len({shape[1:] if len(shape) > 1 else shape for shape in shapes}) > 1:
        return _join_layers(found)
    separate = {len(shape) for shape in shapes} == {2} and all(shape[0] == 1 for shape in shapes)
    separate = separate or (named and len(shapes[0]) == 1)
    if len(shapes[0]) == 1 or (len(shapes[0]) == 2 and shapes[0][0] > 1 and len(set(shapes)) == 1):
        table = _below(found, (len(found), *shapes[0]), torch.stack)  # [d] or [num_ws, d] each
    else:
        table = _below(found, (sum(shape[0] for shape in shapes), *shapes[0][1:]), torch.cat)
    return replace(table, separate=separate)


def _below(found: list[CodeTable], shape: Sequence[int], join: Any) -> CodeTable:
    tensors = [each.tensor for each in found]

    def read() -> Tensor:
        check_sharing(tensors)
        joined: Tensor = join([tensor.read() for tensor in tensors])
        return joined

    return CodeTable(ComputedTensor(shape, read), found[0].space, found[0].warnings)


def _join_layers(found: list[CodeTable]) -> CodeTable | None:
    """S [N, C] from the styles of every layer; None for tensors that are none.

    Raises WeightError where [N, 1, C_i, 1, 1] are not those of a StyleGAN2.
    """
    layers = [each.tensor for each in found]
    if {len(layer.shape) for layer in layers} == {5}:
        check_widths(layers)
    return _styles_table(layers) if _fit_layers(layers) else None


def _styles_table(layers: Sequence[LazyTensor]) -> CodeTable:
    """S [N, C], or [C], from the styles of every layer."""
    shape = [*layers[0].shape[:1], sum(layer_widths(layers))][-2 if len(layers[0].shape) > 1 else -1 :]
    return CodeTable(ComputedTensor(shape, lambda: concatenate(layers)), Space.S)


def _fit_layers(layers: Sequence[LazyTensor]) -> bool:
    flat = all(len([size for size in layer.shape[1:] if size != 1]) <= 1 for layer in layers)
    return flat and len({len(layer.shape) for layer in layers}) == 1 and are_layers(layer_widths(layers))


def concatenate(layers: Sequence[LazyTensor]) -> Tensor:
    """The tables of every layer, [N, 1, C_i, 1, 1] or [N, C_i] or [C_i] -> [N, C] or [C]."""
    check_sharing(layers)
    counts = sorted({layer.shape[0] for layer in layers if len(layer.shape) > 1})
    if len(counts) > 1:
        raise WeightError(f"its layers hold {' and '.join(map(str, counts))} codes; save them again, as many of each")
    tables = [layer.read() for layer in layers]
    return torch.cat([table.flatten(1) if table.ndim > 1 else table for table in tables], dim=-1)


def check_widths(layers: Sequence[LazyTensor]) -> None:
    """Raise WeightError unless these are the tables of all layers of a StyleGAN2, with or without toRGB."""
    if not are_layers(layer_widths(layers)):
        raise WeightError(
            f"its {len(layers)} layers have the widths of no StyleGAN2; pass all of them, in the order of execution"
        )


def are_layers(widths: list[int]) -> bool:
    """Whether layers of these widths are those of a StyleGAN2, with or without toRGB."""
    for every, torgb in ((3, True), (2, False)):  # steps from b4.conv1 to b8.conv1, b16.conv1, ...
        channels = {2 ** (i + 2): width for i, width in enumerate(widths[:99:every])}
        entries = StyleLayout.from_channels(channels).entries
        if widths == [entry.channels for entry in entries if torgb or not entry.is_torgb]:
            return True
    return False


def layer_widths(layers: Sequence[LazyTensor]) -> list[int]:
    return [math.prod(layer.shape[1:]) if len(layer.shape) > 1 else layer.shape[0] for layer in layers]
