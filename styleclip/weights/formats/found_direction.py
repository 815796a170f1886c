"""A direction in a file of any author, before a generator tells its space and how many a table holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from styleclip.latents import Space
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor

ANY_FORMAT = "a table"


@dataclass(frozen=True)
class FoundDirection:
    """A table of one direction or of several; its numbers stay in the file until they are read.

    Args:
        name: in the file; "" where it has none.
        tensor: the step at alpha 1, or the steps of several directions below each other.
        format: project that writes such files.
        space: where the file tells it; `Space.Z` for directions that our generators cannot use.
        separate: whether each row is a direction by itself, and never one of the rows of W+.
        layers: the first and the last of the w that move; None for all.
        center: [w_dim], the mean of W from which the file's author counts; None where the file has none.
        range: the lowest and the highest useful alpha, by the author.
        alpha: the strength with which the author saved it.
        widths: of the styles of every layer, side by side in `tensor`: their numbers of channels.
        facts: for the record, JSON values.
        notes: for the user, issued as warnings when the direction is used.
    """

    name: str
    tensor: LazyTensor
    format: str = ANY_FORMAT
    space: Space | None = None
    separate: bool = False
    layers: tuple[int, int] | None = None
    center: LazyTensor | None = None
    range: tuple[float, float] | None = None
    alpha: float = 1.0
    widths: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
