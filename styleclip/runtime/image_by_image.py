"""Batch invariance on a CPU: networks that work on one image of a batch after the other.

Libraries choose by the shapes how they multiply and convolve, so the last bits of an image depend on its batch. Within
`image_by_image` they do not. What is computed is the same, and takes longer for small networks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

_mode: ContextVar[bool | None] = ContextVar("image_by_image", default=None)


@contextmanager
def image_by_image() -> Iterator[None]:
    """Work on each image alone, unless within `whole_batches`; `Editor` does. It has no effect on a GPU.

    Example:
        with image_by_image():
            image = generator(latent)  # the same bits in any batch
    """
    token = _mode.set(True if _mode.get() is None else _mode.get())
    try:
        yield
    finally:
        _mode.reset(token)


@contextmanager
def whole_batches() -> Iterator[None]:
    """Work on whole batches, which is quicker, also within `image_by_image`: to measure, and for what is found once."""
    token = _mode.set(False)
    try:
        yield
    finally:
        _mode.reset(token)


def splits(batch: Tensor) -> bool:
    """Whether this batch [N, ...] is to be worked on image by image."""
    return _mode.get() is True and batch.device.type == "cpu" and len(batch) > 1


def each_image(work: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """`work(batch)` [N, ...] for a batch [N, ...], image by image where that is asked for."""
    return torch.cat([work(row) for row in batch.split(1)]) if splits(batch) else work(batch)


def by_image(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A method of a batch [N, ...] that works image by image where that is asked for."""

    @functools.wraps(method)
    def each(self: Any, batch: Tensor) -> Tensor:
        return each_image(functools.partial(method, self), batch)

    return each


def row_products(rows: Tensor, matrix: Tensor) -> Tensor:
    """`rows @ matrix` for rows [N, ...] of N images."""
    return each_image(lambda row: row @ matrix, rows)
