"""Restarts of an optimization side by side: the best of each, and early stopping."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.latents import Latent

MIN_DECREASE = 1e-4  # of the lowest loss within `patience` steps; a run with less stops


class RunTracker:
    """The lowest loss and the latent there of every run and every image of `source` [N, ...].

    Run r of image n is row `r * N + n`. `rows` are the active ones: early stopping is per row, after `patience` steps
    without improvement, independent of the other rows.
    """

    def __init__(self, source: Latent, runs: int, patience: int) -> None:
        self.source, self.patience = source, patience
        self.rows = torch.arange(runs * len(source), device=source.data.device)
        self.best = source.data.repeat(runs, *[1] * (source.data.ndim - 1))  # the latent at the lowest loss
        self.last = self.best.clone()
        self.lowest = torch.full(self.rows.shape, torch.inf, device=self.rows.device)
        self.reference = self.lowest.clone()  # the lowest loss at the last improvement
        self.steps_since = torch.zeros_like(self.rows)  # that improvement
        self.losses: dict[str, Tensor] = {}  # of the last step of each row

    @property
    def images(self) -> Tensor:
        """The image of each active row."""
        return self.rows % len(self.source)

    def update(self, losses: dict[str, Tensor], data: Tensor) -> None:
        """Record a step of the active rows: their latents, and there the "loss" and its terms, one number per row."""
        rows = self.rows
        self.last[rows] = data
        for name, values in losses.items():
            self.losses.setdefault(name, torch.zeros_like(self.lowest))[rows] = values.to(self.lowest)
        better = losses["loss"] < self.lowest[rows]
        self.lowest[rows] = torch.where(better, losses["loss"].to(self.lowest), self.lowest[rows])
        self.best[rows] = torch.where(_as_column(better, data), data, self.best[rows])
        improved = self.lowest < self.reference - MIN_DECREASE
        self.reference = torch.where(improved, self.lowest, self.reference)
        self.steps_since = torch.where(improved, 0, self.steps_since + 1)
        self.rows = rows[self.steps_since[rows] < self.patience]

    def best_run_per_image(self) -> tuple[dict[str, float], Latent]:
        """For every image the run with the lowest last loss: the mean of their losses by name, and their latents."""
        size = len(self.source)
        best = self.losses["loss"].view(-1, size).argmin(dim=0) * size + torch.arange(size, device=self.rows.device)
        means = torch.stack([values[best].mean() for values in self.losses.values()])
        return dict(zip(self.losses, means.tolist(), strict=True)), Latent(self.source.space, self.last[best])

    def results(self) -> tuple[Tensor, Tensor]:
        """The lowest loss [runs, N] and the latent there [runs, N, ...]."""
        return self.lowest.view(-1, len(self.source)), self.best.unflatten(0, (-1, len(self.source)))


def _as_column(values: Tensor, like: Tensor) -> Tensor:
    """[B] -> [B, 1, ...] with as many axes as `like`."""
    return values.view(-1, *[1] * (like.ndim - 1))
