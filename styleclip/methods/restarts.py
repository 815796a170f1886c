"""How far several runs of a descent are that go side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from styleclip.latents import Latent

MIN_DECREASE = 1e-4  # a loss that falls by less than this within `patience` steps does not move


class RunTracker:
    """What every run has reached for every image of `source` [N, ...]: run r of image n is row `r * N + n`.

    `rows` are those that go on: a row rests once its lowest loss has not moved for `patience` steps, so what becomes
    of it does not depend on its neighbours.
    """

    def __init__(self, source: Latent, runs: int, patience: int) -> None:
        self.source, self.patience = source, patience
        self.rows = torch.arange(runs * len(source), device=source.data.device)
        self.best = source.data.repeat(runs, *[1] * (source.data.ndim - 1))  # the latent at the lowest loss
        self.last = self.best.clone()
        self.lowest = torch.full(self.rows.shape, torch.inf, device=self.rows.device)
        self.watched, self.since = self.lowest.clone(), torch.zeros_like(self.rows)
        self.losses: dict[str, Tensor] = {}  # of the last step of each row

    @property
    def images(self) -> Tensor:
        """The image of each row that goes on."""
        return self.rows % len(self.source)

    def update(self, losses: dict[str, Tensor], data: Tensor) -> None:
        """A step of the rows that go on: their latents, and at those the `"loss"` and its parts, one number a row."""
        rows = self.rows
        self.last[rows] = data
        for name, values in losses.items():
            self.losses.setdefault(name, torch.zeros_like(self.lowest))[rows] = values.to(self.lowest)
        better = losses["loss"] < self.lowest[rows]
        self.lowest[rows] = torch.where(better, losses["loss"].to(self.lowest), self.lowest[rows])
        self.best[rows] = torch.where(_column(better, data), data, self.best[rows])
        moved = self.lowest < self.watched - MIN_DECREASE
        self.watched = torch.where(moved, self.lowest, self.watched)
        self.since = torch.where(moved, 0, self.since + 1)
        self.rows = rows[self.since[rows] < self.patience]

    def best_run_per_image(self) -> tuple[dict[str, float], Latent]:
        """Of every image the run whose last step has the lowest loss: the mean losses, and the latents."""
        size = len(self.source)
        first = self.losses["loss"].view(-1, size).argmin(dim=0) * size + torch.arange(size, device=self.rows.device)
        means = torch.stack([values[first].mean() for values in self.losses.values()])
        return dict(zip(self.losses, means.tolist(), strict=True)), Latent(self.source.space, self.last[first])

    def results(self) -> tuple[Tensor, Tensor]:
        """The lowest loss [runs, N] and the latent there [runs, N, ...]."""
        return self.lowest.view(-1, len(self.source)), self.best.unflatten(0, (-1, len(self.source)))


def _column(values: Tensor, like: Tensor) -> Tensor:
    """[B] -> [B, 1, ...] with as many axes as `like`."""
    return values.view(-1, *[1] * (like.ndim - 1))
