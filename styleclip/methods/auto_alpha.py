"""alpha="auto": for every image the smallest strength at which CLIP is sure of the target text."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt, delta_t, zero_shot_probability
from styleclip.runtime.image_by_image import row_products

STEPS = 10  # strengths that are tried
FIRST_STEP = 0.2  # the first strength, as a fraction of the last
MIN_MOVEMENT = 0.65  # fraction of `reach` that CLIP must move before a strength is accepted
PLATEAU = 0.92  # accept at this fraction of the image's maximum probability
MAX_ALPHA = 10.0  # the last strength where `reach` or the movement is not known: the end of StyleCLIP's slider


@torch.no_grad()
def auto_alpha(
    models: Models,
    source: Latent,
    prompt: Prompt,
    edit: Callable[[Tensor], Latent],  # alpha [N] -> the edited source [N, C]
    reach: float | None,
    sure: float,
    movement: float | None,
    on_step: OnStep = ignore,
) -> Tensor:
    """The alpha [N] of every image of `source` [N, C] in S, each found on its own.

    Ten rising strengths are tried. The last moves CLIP along the direction of the texts by `reach`, given its
    `movement` per unit of alpha; it is MAX_ALPHA where one of the two is None. The smallest is taken at which CLIP
    gives the target the probability `sure` against the neutral texts, or PLATEAU times the image's maximum: a neutral
    text like "a face" stays true of every edit. CLIP must also have moved by MIN_MOVEMENT of `reach`, if it ever does,
    so that an image that showed the target before is edited as well.
    """
    last = reach / movement if reach and movement else MAX_ALPHA
    ladder = (torch.linspace(math.log(FIRST_STEP), 0, STEPS).exp() * last).to(models.device)
    along, before = delta_t(models.clip, prompt), models.clip_features(source)
    probability, moved = torch.zeros(2, STEPS, len(source), device=models.device)
    for index, alpha in enumerate(ladder):
        edited = edit(alpha.expand(len(source)))
        features = models.clip_features(edited)
        probability[index] = zero_shot_probability(models.clip, features, prompt)
        moved[index] = row_products(features - before, along)
        on_step(Step(index + 1, STEPS, {"loss": 1 - probability.amax(dim=0).mean().item()}, edited))
    convinced = probability >= (PLATEAU * probability.amax(dim=0)).clamp(max=sure)
    far = convinced & (moved >= MIN_MOVEMENT * (reach or 0.0))
    return ladder[torch.where(far.any(dim=0), _first_row(far), _first_row(convinced))]


def _first_row(true: Tensor) -> Tensor:
    """The first row [N] of [rows, N] that is true."""
    return true.float().argmax(dim=0)
