"""The region of a prompt: where samples that show what it claims differ from samples that do not.

Frames are aligned, so an attribute has its place. The region depends on the samples and the held-out CLIP and not on
any edit, so an edit cannot make its own region.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from styleclip.evaluate.held_out.unedited import Unedited
from styleclip.stylespace.claim_classes import ClaimClasses, sample_labels

MIN_EFFECT = 0.25  # of the two mean pictures, at a pixel of the region, in standard deviations of the samples
STANDARD_ERRORS = 3  # and at least so many of the difference of two means
MARGIN = 2  # pixels of the reduced pictures around the region that belong to it
MIN_STD = 1e-3  # of a pixel


def prompt_region(classes: Sequence[ClaimClasses], unedited: Unedited, size: tuple[int, int]) -> Tensor:
    """[H, W] bool at the size of a picture: the region of all claims together."""
    region = torch.stack([claim_region(each, unedited) for each in classes]).any(dim=0)
    wide = F.max_pool2d(region.float()[None, None], 2 * MARGIN + 1, stride=1, padding=MARGIN)
    return F.interpolate(wide, size, mode="nearest")[0, 0] > 0


def claim_region(classes: ClaimClasses, unedited: Unedited) -> Tensor:
    """[H, W] bool of the reduced pictures: where samples with and without a claim differ more than by chance.

    Samples are weighed by the probability of their class, and the two mean pictures compared in standard deviations of
    the samples; of red, green and blue the largest difference counts. The standard error of a weighted mean is that of
    1 / sum of squared weights samples (Kish 1965).
    """
    labels = sample_labels(classes, unedited.samples)  # [N, K], every column sums to 1
    shown, others = labels[:, : classes.targets].mean(dim=1), labels[:, classes.targets :].mean(dim=1)  # [N], sum 1
    pictures = unedited.pictures.flatten(1)
    std = pictures.std(dim=0).clamp(min=MIN_STD)
    effect = (((shown - others) @ pictures).abs() / std).reshape(unedited.pictures.shape[1:]).amax(dim=0)
    error = (shown.square().sum() + others.square().sum()).sqrt()
    return effect >= max(MIN_EFFECT, STANDARD_ERRORS * error.item())
