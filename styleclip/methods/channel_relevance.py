"""What CLIP sees of every style channel along one direction between texts: from a table, or by gradient."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.models import Models
from styleclip.networks.stylegan2 import Generator
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.gradient_relevance import gradient_relevance
from styleclip.stylespace.statistics import sample_styles, style_statistics

SAMPLES = 10_000  # for statistics that no table brings along; they are within 1 % or so of those of 100,000


@dataclass(frozen=True)
class ChannelRelevance:
    """What there is to know of every style channel for a unit direction [D] in CLIP space.

    `relevance` [C] is the cosine with where the channel takes CLIP; `slope` [C], where it is known, how far it takes
    CLIP along the direction per standard deviation; `std` [C] is that deviation.
    """

    relevance: Tensor
    slope: Tensor | None
    std: Tensor


def relevance_from_table(models: Models, table: RelevanceTable, delta_t: Tensor) -> ChannelRelevance:
    """As StyleCLIP does: `relevance = delta_i . delta_t`. Statistics are drawn where the table has none."""
    relevance = table(delta_t.cpu()).to(models.device)
    slope = None if table.effect is None else relevance * table.effect.to(models.device)
    return ChannelRelevance(relevance, slope, (table.statistics or _statistics(models.generator)).std.to(models.device))


def relevance_from_gradient(
    models: Models, delta_t: Tensor, images: int, seed: int, refine_top: int
) -> ChannelRelevance:
    """At once for any generator: from the derivatives of CLIP's features on a few samples.

    The `refine_top` most relevant channels are then measured exactly, and the others have no relevance.
    """
    statistics = _statistics(models.generator)
    styles = sample_styles(models.generator, images, seed)
    slope, size = gradient_relevance(models, delta_t, statistics, styles)
    relevance = torch.where(size > 0, slope / size, 0.0)
    if refine_top:
        top = relevance.abs().topk(min(refine_top, len(relevance))).indices
        exact = torch.zeros(2, len(relevance), device=models.device)
        for rows in measure(models, statistics, styles, top):
            seen = rows.delta_i @ delta_t.cpu()
            exact[0, rows.channels], exact[1, rows.channels] = seen.to(exact), (seen * rows.effect).to(exact)
        relevance, slope = exact
    return ChannelRelevance(relevance, slope, statistics.std.to(models.device))


@functools.lru_cache(maxsize=1)
def _statistics(generator: Generator) -> StyleStatistics:
    return style_statistics(generator, SAMPLES)
