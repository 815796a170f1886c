"""Estimate the remaining time of a preparation."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from styleclip.latents import StyleLayout
from styleclip.progress import Step


class EtaEstimator:
    """Estimate the remaining time from seconds per channel of each layer; of all layers until one is measured.

    Args:
        layout: the layers.
        renders: the number of images that so many channels take.
        earlier: how many channels earlier runs have measured.
        missing: [k], the channels that this run measures.
    """

    def __init__(self, layout: StyleLayout, renders: Callable[[int], int], earlier: int, missing: Tensor) -> None:
        self.renders, self.earlier, self.total = renders, earlier, earlier + len(missing)
        self.starts = torch.tensor([entry.start for entry in layout.entries])
        self.left = self._count_by_layer(missing)  # channels
        self.measured, self.seconds = torch.zeros_like(self.left), torch.zeros_like(self.left)
        self.started = self.now = time.monotonic()

    def update(self, channels: Tensor) -> Step:
        """Count `channels` [k] as measured now.

        The step counts channels; its values are the `renders` and the `seconds` of this run, and `seconds_left`.
        """
        elapsed, self.now = time.monotonic() - self.now, time.monotonic()
        counts = self._count_by_layer(channels)
        self.left, self.measured = self.left - counts, self.measured + counts
        self.seconds += elapsed * counts / len(channels)
        mean = self.seconds.sum() / self.measured.sum()
        per_channel = torch.where(self.measured > 0, self.seconds / self.measured, mean)
        done = int(self.measured.sum())
        values = {
            "renders": self.renders(done),
            "seconds": self.now - self.started,
            "seconds_left": float((per_channel * self.left).sum()),
        }
        return Step(self.earlier + done, self.total, values)

    def _count_by_layer(self, channels: Tensor) -> Tensor:
        layers = torch.bucketize(channels, self.starts, right=True) - 1
        return torch.bincount(layers, minlength=len(self.starts)).double()
