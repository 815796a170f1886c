"""Scores of an edit: how well pictures before and after fit the texts, and how much of the person is left."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.prompts import Prompt, encode
from styleclip.runtime.image_by_image import row_products


@torch.no_grad()
def edit_scores(models: Models, before: Tensor, after: Tensor, prompts: Sequence[Prompt]) -> list[dict[str, float]]:
    """For each of the images [N, img_channels, H, W], as floats of four digits.

    `clip_before` and `clip_after` are mean cosines with the targets, left out without a prompt; `identity` is the
    similarity of the faces, left out without a face recogniser.
    """
    clip, identity = models.clip, models.identity
    scores: dict[str, Tensor] = {}
    if prompts:
        texts = encode(clip, [prompt.target for prompt in prompts])
        for name, images in (("clip_before", before), ("clip_after", after)):
            scores[name] = row_products(clip.encode_image(images), texts.T).mean(dim=1)
    if identity is not None:
        scores["identity"] = similarity(identity.embed(before), identity.embed(after))
    return [{name: round(values[i].item(), 4) for name, values in scores.items()} for i in range(len(before))]
