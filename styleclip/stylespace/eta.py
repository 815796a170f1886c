"""Estimate the remaining time of a preparation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.latents import StyleLayout


@dataclass(frozen=True)
class Done:
    """How far a preparation is: `channels` of `total` are done; this run has spent `seconds` on `renders`.

    `left` is how many seconds the rest will take.
    """

    channels: int
    total: int
    renders: int
    seconds: float
    left: float


class EtaEstimator:
    """Estimate the remaining time from seconds per channel of each layer; of all layers until one is measured."""

    def __init__(self, layout: StyleLayout, renders: Callable[[int], int], earlier: int, missing: Tensor) -> None:
        self.renders, self.earlier, self.missing = renders, earlier, len(missing)
        self.starts = torch.tensor([entry.start for entry in layout.entries])
        self.left = self._by_layer(missing)
        self.seen, self.seconds = torch.zeros_like(self.left), torch.zeros_like(self.left)
        self.started = self.now = time.monotonic()

    def after(self, channels: Tensor) -> Done:
        """How far it is now that these channels are measured too."""
        took, self.now = time.monotonic() - self.now, time.monotonic()
        by_layer = self._by_layer(channels)
        self.left, self.seen = self.left - by_layer, self.seen + by_layer
        self.seconds += took * by_layer / len(channels)
        each = torch.where(self.seen > 0, self.seconds / self.seen, self.seconds.sum() / self.seen.sum())
        count = int(self.seen.sum())
        return Done(
            channels=self.earlier + count,
            total=self.earlier + self.missing,
            renders=self.renders(count),
            seconds=self.now - self.started,
            left=float((each * self.left).sum()),
        )

    def _by_layer(self, channels: Tensor) -> Tensor:
        layers = torch.bucketize(channels, self.starts, right=True) - 1
        return torch.bincount(layers, minlength=len(self.starts)).double()
