"""A text edit as a direction in style space: which channels move, and how far (StyleCLIP, section 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Direction, Latent, Space, StyleLayout
from styleclip.prompts import Prompt
from styleclip.settings import Strength

OUTLYING = 2.0  # robust standard deviations; how it was chosen: benchmarks/global_direction.md
MAD = 1.4826  # the standard deviation of a normal distribution over its median absolute value


@dataclass(frozen=True)
class StyleDirection:
    """What `GlobalDirection` finds for a prompt, and what a direction file holds.

    `weights` [C] are zero for channels that stay and 1 or -1 for the most relevant one, in standard deviations `std`
    [C]; `relevance` [C] is what they were chosen by, at the threshold `beta`. `movement` is how far CLIP is expected
    to go along the direction of the texts per unit of alpha, where that is known; `alpha` is the strength to use.
    """

    prompt: Prompt
    weights: Tensor
    std: Tensor
    relevance: Tensor
    beta: float
    alpha: Strength
    movement: float | None = None

    @property
    def direction(self) -> Direction:
        """[1, C] in S: `latent + alpha * edit.direction`."""
        return Direction(Space.S, (self.weights * self.std)[None])

    def apply(self, source: Latent, alpha: Tensor) -> Latent:
        """`source` [N, C] in S with every image at its own strength `alpha` [N], in the precision of the source."""
        return source + Direction(Space.S, (alpha[:, None] * self.direction.data).to(source.data))

    @property
    def channels(self) -> Tensor:
        """The numbers of the channels that move, the most relevant first."""
        return self.weights.abs().argsort(descending=True, stable=True)[: int((self.weights != 0).sum())]

    def channel_table(self, layout: StyleLayout) -> list[dict[str, Any]]:
        """A row per channel that moves, the most relevant first: its layer, index there, weight and relevance."""
        homes = {channel: entry for entry in layout.entries for channel in range(entry.span.start, entry.span.stop)}
        return [
            {
                "layer": homes[channel].name,
                "index": channel - homes[channel].start,
                "weight": self.weights[channel].item(),
                "relevance": self.relevance[channel].item(),
            }
            for channel in self.channels.tolist()
        ]


def style_weights(relevance: Tensor, beta: float) -> Tensor:
    """The weights [C] of a direction: relevance [C], zero below `beta`, over the largest (StyleCLIP, section 6).

    Raises UsageError, with the largest relevance, where no channel reaches `beta`.
    """
    largest = relevance.abs().max().item()
    if not 0 < largest < math.inf:
        raise UsageError(f"the largest relevance of a style channel for this text is {largest:g}; change the text")
    if beta > largest:
        raise UsageError(f"no style channel reaches beta {beta:g}; the largest relevance is {largest:.3f}, so lower it")
    return torch.where(relevance.abs() >= beta, relevance, 0.0) / largest


def beta_for(relevance: Tensor, channels: int) -> float:
    """The threshold that `channels` channels reach; raises UsageError where fewer have any relevance."""
    relevant = int((relevance != 0).sum())
    if channels > relevant:
        raise UsageError(f"{channels} channels are too many; {relevant} have a relevance here, so ask for fewer")
    return relevance.abs().topk(channels).values[-1].item()


def auto_beta(relevance: Tensor) -> float:
    """The threshold that only outlying channels reach.

    Most channels have nothing to do with a text, and their relevance spreads like noise; a channel counts when its
    own stands out by more than `OUTLYING` robust standard deviations of the whole. So a colour, which hangs on few
    channels, gets few, and a shape many.
    """
    relevant = relevance[relevance != 0].abs()
    if not len(relevant):
        return 0.0
    return min(OUTLYING * MAD * relevant.median().item(), relevant.max().item())
