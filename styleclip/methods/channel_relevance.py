"""Relevance of every style channel for a text direction, from a table or by gradient, and the channels it selects."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.methods.claim_direction import MIN_STD, ClaimDirection, claim_directions, in_deviations, mean_row
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.runtime.gradients import float32_default
from styleclip.settings import TextEncoding
from styleclip.stylespace.channel_effects import measure
from styleclip.stylespace.gradient_relevance import gradient_relevance
from styleclip.stylespace.statistics import sample_styles, style_statistics

SAMPLES = 10_000  # for the statistics of a table that has none; within about 1 % of those of 100,000
OUTLYING = 2.0  # robust standard deviations; how it was chosen: benchmarks/global_direction.md
MAD = 1.4826  # the standard deviation of a normal distribution over its median absolute value


@dataclass(frozen=True)
class ChannelRelevance:
    """Relevance of every style channel for a unit direction [D] in CLIP space.

    `relevance` [C] is the cosine with the direction in which the channel moves CLIP; `slope` [C], where it is known,
    how far it moves CLIP along the direction per standard deviation; `std` [C] is that deviation. `origin` says for
    the record where the relevance comes from. By regression the relevance is the share of the largest step, in
    deviations, and `claims` are the directions of which it is the mean.
    """

    relevance: Tensor
    slope: Tensor | None
    std: Tensor
    origin: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[ClaimDirection, ...] = ()


def relevance_from_table(models: Models, table: RelevanceTable, delta_t: Tensor) -> ChannelRelevance:
    """`relevance = delta_i . delta_t`, as in StyleCLIP. A table without statistics gets those of 10,000 samples."""
    relevance = table(delta_t.cpu()).to(models.device)
    slope = None if table.effect is None else relevance * table.effect.to(models.device)
    std = (table.statistics or _statistics(models.generator)).std.to(models.device)
    return ChannelRelevance(relevance, slope, std, {"source": "table", **table.about})


def relevance_from_gradient(
    models: Models, delta_t: Tensor, images: int, seed: int, refine_top: int
) -> ChannelRelevance:
    """From the derivatives of CLIP's features on a few samples: for any generator, without a table.

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
            cosine = rows.delta_i @ delta_t.cpu()
            exact[0, rows.channels], exact[1, rows.channels] = cosine.to(exact), (cosine * rows.effect).to(exact)
        relevance, slope = exact
    origin = {"source": "gradient", "images": images, "seed": seed, "refine_top": refine_top}
    return ChannelRelevance(relevance, slope, statistics.std.to(models.device), origin)


def relevance_from_regression(
    models: Models, prompt: Prompt, samples: int, text: TextEncoding, on_step: OnStep = ignore
) -> ChannelRelevance:
    """The directions of the claims of a prompt by ridge regression over samples."""
    claims, regression = claim_directions(models, prompt, samples, text, on_step)
    std = regression.std.to(models.device)
    size = in_deviations(mean_row(claims), std)
    largest = size.abs().max().clamp(min=MIN_STD)
    origin = {
        "source": "regression",
        "samples": regression.samples,
        "ridge": regression.ridge,
        "explained": regression.explained,
    }
    return ChannelRelevance(size / largest, None, std, origin, tuple(claims))


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

    The relevance of most channels spreads like noise. A channel counts when its own exceeds `OUTLYING` robust standard
    deviations of all, so a colour, which depends on few channels, gets few, and a shape many.
    """
    relevant = relevance[relevance != 0].abs()
    if not len(relevant):
        return 0.0
    return min(OUTLYING * MAD * relevant.median().item(), relevant.max().item())


@functools.lru_cache(maxsize=1)
@float32_default()
@torch.inference_mode(False)
def _statistics(generator: Generator) -> StyleStatistics:
    return style_statistics(generator, SAMPLES)
