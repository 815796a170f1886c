"""How strong an edit has to be: for every image the least strength at which CLIP is sure of the text."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from styleclip.latents import Latent
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import delta_t, zero_shot_probability

STEPS = 10  # strengths that are tried
FIRST_STEP = 0.2  # the first of them, over the last
MIN_MOVEMENT = 0.65  # the share of its reach that CLIP has to move before it may be sure
PLATEAU = 0.92  # of the surest that CLIP gets for an image is enough, too
MAX_ALPHA = 10.0  # the last, where nothing says how far an edit may move CLIP: the end of StyleCLIP's slider


@torch.no_grad()
def auto_alpha(
    models: Models, source: Latent, edit: StyleDirection, reach: float | None, sure: float, on_step: OnStep = ignore
) -> Tensor:
    """The alpha [N] of every image of `source` (in S), each found on its own.

    Ten rising strengths are tried; the last should move CLIP along the texts by `reach`, or is `MOST` where that is
    left open or cannot be told. Taken is the least at which CLIP gives the target the probability `sure` against the
    neutral texts, or nearly the highest it ever gives: a neutral text like "a face" is true of every edit, too. It has
    to have moved by two thirds of `reach`, if it ever does, so that a picture it was sure of before is edited as well.
    """
    most = reach / edit.movement if reach and edit.movement else MAX_ALPHA
    ladder = (torch.linspace(math.log(FIRST_STEP), 0, STEPS).exp() * most).to(models.device)
    along, before = delta_t(models.clip, edit.prompt), models.clip_features(source)
    tried, gone = torch.zeros(2, STEPS, len(source), device=models.device)
    for index, strength in enumerate(ladder):
        moved = edit.apply(source, strength.expand(len(source)))
        features = models.clip_features(moved)
        tried[index] = zero_shot_probability(models.clip, features, edit.prompt)
        gone[index] = (features - before) @ along
        on_step(Step(index + 1, STEPS, {"loss": 1 - tried.amax(dim=0).mean().item()}, moved))
    convinced = tried >= (PLATEAU * tried.amax(dim=0)).clamp(max=sure)
    far = convinced & (gone >= MIN_MOVEMENT * (reach or 0.0))
    return ladder[torch.where(far.any(dim=0), _first(far), _first(convinced))]


def _first(true: Tensor) -> Tensor:
    """The first row [N] of [rows, N] that is true."""
    return true.float().argmax(dim=0)
