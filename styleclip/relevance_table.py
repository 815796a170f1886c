"""What is known of the style channels of a generator: how far each spreads, and where CLIP sees it go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class StyleStatistics:
    """Mean and standard deviation [C] of every style channel over many samples (StyleCLIP's `S_mean_std`)."""

    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class RelevanceTable:
    """The relevance table of a generator for a CLIP (StyleCLIP, section 6; its `fs3.npy`).

    Row c of `delta_i` [C, D] is the unit direction in which CLIP sees a picture go when style channel c rises, and
    zero for a channel that was not measured. `effect` [C] is how far it goes per standard deviation, on average, and
    `error` [C] the standard error of the row. `about` says how the table was made and for which generator and CLIP.
    StyleCLIP's own files have `delta_i` alone.
    """

    delta_i: Tensor
    statistics: StyleStatistics | None = None
    effect: Tensor | None = None
    error: Tensor | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_row(self) -> Tensor:
        """[C] bool: the channels that have a row."""
        return self.delta_i.abs().amax(dim=1) > 0

    def __call__(self, delta_t: Tensor) -> Tensor:
        """Relevance [C] of every channel for a unit direction [D] between texts: `delta_i . delta_t`."""
        return self.delta_i @ delta_t.to(self.delta_i)

    def error_quantiles(self) -> tuple[float, float] | None:
        """Median and 90th percentile of the standard errors of the rows; None where these are not known."""
        images = self.about.get("images")
        if self.error is None or not self.has_row.any() or not isinstance(images, int) or images < 2:
            return None
        median, high = torch.quantile(self.error[self.has_row], torch.tensor([0.5, 0.9])).tolist()
        return median, high
