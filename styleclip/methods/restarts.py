"""Restarts of an optimization side by side: what is kept of each, and early stopping."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.latents import Latent

MIN_DECREASE = 1e-4  # of the lowest loss within `patience` steps; a run with less stops


class RunTracker:
    """The losses of every run and every image of `source` [N, ...], and the latent that is kept of each.

    Run r of image n is row `r * N + n`. `rows` are the active ones: early stopping is per row, after `patience` steps
    without improvement, independent of the other rows. The kept latent has the lowest loss of those that were rendered
    without exploration noise and whose CLIP and identity losses are no higher than those of the source; the source
    where there is none.

    Args:
        source: where the runs start.
        runs: their number.
        patience: steps without improvement before a row stops.
        source_loss: the sum of the CLIP and the identity loss [N] of the source.
    """

    def __init__(self, source: Latent, runs: int, patience: int, source_loss: Tensor) -> None:
        self.source, self.patience, self.source_loss = source, patience, source_loss
        self.rows = torch.arange(runs * len(source), device=source.data.device)
        self.kept = source.data.repeat(runs, *[1] * (source.data.ndim - 1))
        self.last = self.kept.clone()
        self.kept_loss = torch.full(self.rows.shape, torch.inf, device=self.rows.device)
        self.lowest = self.kept_loss.clone()  # of all steps
        self.reference = self.kept_loss.clone()  # the lowest loss at the last improvement
        self.steps_since = torch.zeros_like(self.rows)  # that improvement
        self.explored = torch.zeros_like(self.rows, dtype=torch.bool)  # whether the last step of a row had noise
        self.losses: dict[str, Tensor] = {}  # of the last step of each row

    @property
    def images(self) -> Tensor:
        """The image of each active row."""
        return self._image_of(self.rows)

    def update(self, losses: dict[str, Tensor], data: Tensor, explored: bool) -> None:
        """Record a step of the active rows: their latents, and there the "loss" and its terms, one number per row.

        `explored` says that the latents have exploration noise, so they are not kept.
        """
        rows = self.rows
        self.last[rows], self.explored[rows] = data, explored
        for name, values in losses.items():
            self.losses.setdefault(name, torch.zeros_like(self.lowest))[rows] = values.to(self.lowest)
        if not explored:
            self.keep(rows, losses, data)
        self.lowest[rows] = torch.minimum(losses["loss"].to(self.lowest), self.lowest[rows])
        improved = self.lowest < self.reference - MIN_DECREASE
        self.reference = torch.where(improved, self.lowest, self.reference)
        self.steps_since = torch.where(improved, 0, self.steps_since + 1)
        self.rows = rows[self.steps_since[rows] < self.patience]

    def keep(self, rows: Tensor, losses: dict[str, Tensor], data: Tensor) -> None:
        """Keep the latents `data` of these rows that are better than those kept so far."""
        loss, of_clip = (losses[name].to(self.lowest) for name in ("loss", "clip"))
        compared = of_clip + losses["identity"].to(of_clip) if "identity" in losses else of_clip
        better = (loss < self.kept_loss[rows]) & (compared <= self.source_loss[self._image_of(rows)])
        self.kept_loss[rows] = torch.where(better, loss, self.kept_loss[rows])
        self.kept[rows] = torch.where(_as_column(better, data), data, self.kept[rows])
        self.explored[rows] = False

    def best_run_per_image(self) -> tuple[dict[str, float], Latent]:
        """For every image the run with the lowest last loss: the mean of their losses by name, and their latents."""
        size = len(self.source)
        best = self.losses["loss"].view(-1, size).argmin(dim=0) * size + torch.arange(size, device=self.rows.device)
        means = torch.stack([values[best].mean() for values in self.losses.values()])
        return dict(zip(self.losses, means.tolist(), strict=True)), Latent(self.source.space, self.last[best])

    def results(self) -> tuple[Tensor, Tensor]:
        """The loss [runs, N] of the kept latents [runs, N, ...]; infinite where the source is kept."""
        return self.kept_loss.view(-1, len(self.source)), self.kept.unflatten(0, (-1, len(self.source)))

    def _image_of(self, rows: Tensor) -> Tensor:
        return rows % len(self.source)


def restart_noise(generators: Sequence[torch.Generator], scales: Sequence[float], like: Tensor) -> Tensor:
    """`scale * normal` for every run, the same for all its images: [N, ...] -> [runs * N, ...]; no draw for scale 0."""
    shape, pairs = like.shape[1:], zip(generators, scales, strict=True)
    runs = [scale * torch.randn(shape, generator=each) if scale else torch.zeros(shape) for each, scale in pairs]
    return torch.stack(runs).to(like).repeat_interleave(len(like), dim=0)


def _as_column(values: Tensor, like: Tensor) -> Tensor:
    """[B] -> [B, 1, ...] with as many axes as `like`."""
    return values.view(-1, *[1] * (like.ndim - 1))
