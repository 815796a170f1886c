"""Warnings of weight files: issued, or collected for one who shows them beside the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from styleclip.errors import WeightWarning

_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@contextmanager
def collect_weight_warnings() -> Iterator[list[str]]:
    """Within, a warning of `warn_of_file` in this thread is a sentence of this list, and is not issued."""
    sentences: list[str] = []
    token = _collected.set(sentences)
    try:
        yield sentences
    finally:
        _collected.reset(token)


def warn_of_file(sentence: str, stacklevel: int = 2) -> None:
    """Issue a WeightWarning, or add it to what is collected. `stacklevel` counts as in `warnings.warn`."""
    collected = _collected.get()
    if collected is None:
        warnings.warn(sentence, WeightWarning, stacklevel=stacklevel + 1)
    else:
        collected.append(sentence)
