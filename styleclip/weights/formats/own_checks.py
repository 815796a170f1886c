"""Checks of what our own files hold: finite numbers of the right shapes, and records with the right types.

A file that styleclip wrote may have been changed since. Each check raises a WeightError of one sentence that ends in
the remedy of the kind of file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import plain_line, short_repr

if TYPE_CHECKING:  # records are read without torch
    from torch import Tensor

MAX_TEXT_CHARS = 10_000  # of a text in a record
MAX_RECORD_CHARS = 2**20
MAX_DEPTH = 20  # of nested lists and objects
Shape = Sequence[str | int]  # a letter stands for a size that is the same in all shapes


def check_finite(tensors: Mapping[str, Tensor], remedy: str) -> None:
    """Raise WeightError for NaN and infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightError(f"{plain_line(name)[:60]} holds NaN or infinite numbers; {remedy}")


def check_shapes(
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, Shape],
    remedy: str,
    sizes: Mapping[str, int] | None = None,
    whole: Iterable[str] = (),
) -> None:
    """Raise WeightError unless each of these tensors is there with its shape.

    Args:
        tensors: those of the file.
        shapes: by name; a name that ends with "?" may be missing.
        remedy: ends the sentence.
        sizes: the sizes of letters that are known before.
        whole: the names of tensors with whole numbers; all others have fractions.
    """
    known = dict(sizes or {})
    for key, shape in shapes.items():
        name = key.rstrip("?")
        if name not in tensors:
            if key == name:
                raise WeightError(f"the tensor {name} is missing; {remedy}")
            continue
        tensor, before = tensors[name], dict(known)
        found = tensor.shape
        expected = [
            known.setdefault(each, size) if isinstance(each, str) else each
            for each, size in zip(shape, found, strict=False)
        ]
        if len(found) != len(shape) or list(found) != expected:
            letters = ", ".join(str(before.get(str(each), each)) for each in shape)
            raise WeightError(f"its {name} is of shape {list(found)}, not [{letters}]; {remedy}")
        if tensor.is_floating_point() == (name in whole) or tensor.is_complex():
            kind = "whole numbers" if name in whole else "numbers with fractions"
            raise WeightError(f"{name} does not hold {kind}; {remedy}")


def parse_record(text: str, remedy: str, noun: str = "the record of how it was made") -> dict[str, Any]:
    """The object of strict JSON: no key twice, no NaN, at most MAX_DEPTH levels and MAX_RECORD_CHARS."""
    if len(text) > MAX_RECORD_CHARS:
        raise WeightError(f"{noun} has more than {MAX_RECORD_CHARS:,} characters; {remedy}")
    try:
        record = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        _check_depth(record, MAX_DEPTH)
    except (ValueError, RecursionError) as error:
        raise WeightError(f"{noun} is damaged; {remedy}") from error
    if not isinstance(record, dict):
        raise WeightError(f"it does not say how it was made; {remedy}")
    return record


def text_of(record: Mapping[str, Any], name: str, remedy: str) -> str:
    """A text of a record, not empty and of at most MAX_TEXT_CHARS."""
    value = record.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARS:
        raise WeightError(f"it is damaged or not what it seems ({name} is no text of moderate length); {remedy}")
    return value


def number_of(record: Mapping[str, Any], name: str, remedy: str) -> float:
    """A finite number of a record."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        raise WeightError(f"it is damaged or not what it seems ({name} is {short_repr(value)}, no number); {remedy}")
    return value


def count_of(record: Mapping[str, Any], name: str, remedy: str) -> int:
    """A whole number of a record, from 0 to 2^63 - 1."""
    value = number_of(record, name, remedy)
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise WeightError(f"it is damaged or not what it seems ({name} is {short_repr(value)}, no count); {remedy}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _check_depth(value: object, left: int) -> None:
    if not left:
        raise ValueError("too many levels")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, left - 1)
