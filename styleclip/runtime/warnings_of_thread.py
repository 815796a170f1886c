"""Warnings of a thread: issued, or collected as sentences by one who shows them in another place."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[Mapping[type[Warning], list[str]]] = ContextVar("collected", default={})  # noqa: B039, unchanged


@contextmanager
def collect_warnings(kind: type[Warning]) -> Iterator[list[str]]:
    """Within, a warning of this kind by `warn` in this thread is a sentence of this list, and is not issued."""
    sentences: list[str] = []
    token = _collected.set({**_collected.get(), kind: sentences})
    try:
        yield sentences
    finally:
        _collected.reset(token)


def warn(sentence: str, kind: type[Warning], stacklevel: int = 2) -> None:
    """Issue a warning, or add it to those of its kind that are collected. `stacklevel` as in `warnings.warn`."""
    collected = _collected.get().get(kind)
    if collected is None:
        warnings.warn(sentence, kind, stacklevel=stacklevel + 1)
    else:
        collected.append(sentence)
