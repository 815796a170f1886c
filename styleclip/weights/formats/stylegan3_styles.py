"""Styles of StyleGAN3 by the names of its layers, as stylegan3-editing writes them: `input`, `L0_36_1024` and so on.

| structure | what |
|---|---|
| `{"input": [N, 4], "L0_36_1024": [N, C_0], ...}` | latents in S, and directions; the file `S` |
| `[{"theta", "x", "y"}, {name: [C_i]}, {name: [C_i]}]` | mean and standard deviation; the file `s_stats` |

The last layer is toRGB. Its styles are multiplied by 1 / sqrt(C) there (equalised learning rate), and not in our S, so
they are divided by it. The four of the input are of a rotation of length one; ours have any length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from styleclip.weights.safe_pickle.lazy_arrays import LazyArray
from styleclip.weights.safe_pickle.lazy_tensors import ConvertedTensor, LazyTensor

INPUT = "input"
LAYER = re.compile(r"L(\d{1,2})_\d{1,6}_\d{1,6}")
MAX_LAYERS = 100
TRANSFORM_KEYS = {"theta", "x", "y"}  # the mean rotation and translation, which the mean of the input has as well


def styles_in_order(values: Any) -> list[LazyTensor] | None:
    """The styles of every layer in the order of execution, toRGB last and without its gain; None for other dicts."""
    if not isinstance(values, Mapping) or INPUT not in values or not 2 <= len(values) - 1 <= MAX_LAYERS:
        return None
    found = {name: LAYER.fullmatch(name) for name in values if isinstance(name, str) and name != INPUT}
    numbers = {int(match[1]): name for name, match in found.items() if match}
    if len(numbers) != len(values) - 1 or sorted(numbers) != [*range(len(numbers))]:
        return None
    layers = [values[INPUT], *(values[numbers[i]] for i in range(len(numbers)))]
    if not all(_is_table(layer) for layer in layers):
        return None
    *others, torgb = layers
    return [*others, ConvertedTensor(torgb, partial(_without_gain, channels=torgb.shape[-1]))]


def statistics_in_order(value: Any) -> tuple[list[LazyTensor], list[LazyTensor]] | None:
    """The means and the standard deviations of every layer in an `s_stats`; None for other values."""
    match value:
        case [{**transform}, means, stds] if transform.keys() == TRANSFORM_KEYS:
            mean, std = styles_in_order(means), styles_in_order(stds)
            return (mean, std) if mean and std else None
    return None


def _is_table(value: Any) -> bool:
    """Whether a value is a tensor or an array of numbers, with axes."""
    numbers = value.tensor if isinstance(value, LazyArray) else value
    return isinstance(numbers, LazyTensor) and bool(numbers.shape)


def _without_gain(styles: Tensor, channels: int) -> Tensor:
    return styles * math.sqrt(channels)
