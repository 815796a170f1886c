"""How strong an edit has to be: for every image the least strength at which CLIP is sure of the text."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from styleclip.latents import Latent
from styleclip.methods.base import OnStep
from styleclip.methods.style_edit import StyleEdit
from styleclip.models.bundle import Models
from styleclip.prompts import delta_t, preference
from styleclip.records import Step, ignore

STEPS = 10  # strengths that are tried
LEAST = 0.2  # the first of them, over the last
GONE = 0.5  # the share of its reach that CLIP has to move before it may be sure
MOST = 10.0  # the last, where nothing says how far an edit may move CLIP: the end of StyleCLIP's slider


@torch.no_grad()
def enough(
    models: Models, source: Latent, edit: StyleEdit, reach: float | None, sure: float, on_step: OnStep = ignore
) -> Tensor:
    """The alpha [N] of every image of `source` (in S), each found on its own.

    Rising strengths are rendered until CLIP gives the target at least the probability `sure` against the neutral
    texts, and has moved along them by half of `reach`, so that a picture it was sure of before is edited too. The last
    one should move it by all of `reach`, or is `MOST` where that is left open or cannot be told. Where CLIP never gets
    so sure, the strength at which it was surest is taken.
    """
    most = reach / edit.movement if reach and edit.movement else MOST
    along, before = delta_t(models.clip, edit.prompt), models.look(source)
    alpha, surest = torch.zeros(2, len(source), device=models.device)
    rest = torch.arange(len(source), device=models.device)
    for index, share in enumerate(torch.linspace(math.log(LEAST), 0, STEPS).exp().tolist(), start=1):
        strength = share * most
        moved = edit.moved(source[rest], torch.full((len(rest),), strength, device=models.device))
        features = models.look(moved)
        probability = preference(models.clip, features, edit.prompt).float()
        settled = (probability >= sure) & ((features - before[rest]) @ along >= GONE * (reach or 0.0))
        better = settled | (probability > surest[rest])
        alpha[rest[better]], surest[rest[better]] = strength, probability[better]
        on_step(Step(index, STEPS, {"loss": 1 - surest.mean().item()}, edit.moved(source, alpha)))
        rest = rest[~settled]
        if not len(rest):
            break
    return alpha
