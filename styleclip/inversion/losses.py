"""Losses [N] of a reconstruction, as in pSp (Richardson et al. 2021, equation 5): pixels, LPIPS and identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import NumericError, PhotoError, UsageError
from styleclip.images import to_rgb
from styleclip.losses import identity_loss, similarity
from styleclip.models import Models

MIN_PYRAMID_PX = 8  # shorter side of the smallest picture that is compared


@dataclass(frozen=True)
class LossWeights:
    """The weights of the losses; a loss of weight 0 is not computed."""

    pixel: float = 1.0  # of the mean squared difference, in [-1, 1] units, over a pyramid of scales
    perceptual: float = 0.8  # of LPIPS, where the models have it
    identity: float = 0.1  # of 1 - cosine of the face features, where the models have a recogniser


class ReconstructionLoss:
    """The weighted losses [N], by name, of pictures [N, 1..4, H, W] of the generator that should show `target`.

    The target [N, 3, h, w] in [-1, 1] is resized to the generator's H and W, and its features are computed, once.

    Example:
        reconstruction = ReconstructionLoss(models, target, LossWeights(identity=0))
        losses = reconstruction(models.generator(latent))  # {"pixel": [N], "perceptual": [N]}
    """

    def __init__(self, models: Models, target: Tensor, weights: LossWeights) -> None:
        self.weights, self.target = weights, resize_target(models, target)
        self.target_pyramid = pyramid(self.target)
        self.perceptual = models.perceptual() if weights.perceptual else None
        self.recogniser = models.identity if weights.identity else None
        with torch.no_grad():
            self.target_identity = self.recogniser.embed(self.target) if self.recogniser else None

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        losses = {"pixel": self.weights.pixel * pixel_loss(image, self.target_pyramid)}
        if self.perceptual is not None:
            losses["perceptual"] = self.weights.perceptual * self.perceptual.distance(image, self.target)
        if self.recogniser is not None and self.target_identity is not None:
            distance = identity_loss(self.recogniser, image, self.target_identity)
            losses["identity"] = self.weights.identity * distance
        return losses


def pixel_loss(image: Tensor, target_pyramid: list[Tensor]) -> Tensor:
    """Mean squared difference [N] of pictures [N, 1..4, H, W] and a target, averaged over the scales of its pyramid.

    At the reduced scales a face that is a few pixels off is nearly right; at full resolution it is not.
    """
    pairs = zip(pyramid(image), target_pyramid, strict=True)
    return torch.stack([(a - b).square().mean(dim=(1, 2, 3)) for a, b in pairs]).mean(dim=0)


def pyramid(image: Tensor) -> list[Tensor]:
    """The picture [N, 1..4, H, W] in RGB and its halves, by averages of 2x2, down to 8 px of the shorter side."""
    scales = [to_rgb(image)]
    while min(scales[-1].shape[2:]) > MIN_PYRAMID_PX:
        scales.append(F.avg_pool2d(scales[-1], 2))
    return scales


def resize_target(models: Models, target: Tensor) -> Tensor:
    """The target [N, 3, h, w] in [-1, 1] at the generator's size, [N, 3, H, W], on the device of the models.

    Raises UsageError for anything that is not a batch of colour pictures of the generator's shape, PhotoError for NaN.
    """
    height, width = models.generator.image_size
    shape = "square pictures" if height == width else f"pictures as wide and high as {width} x {height}"
    if target.ndim != 4 or target.shape[1] != 3 or target.shape[2] * width != target.shape[3] * height:
        raise UsageError(f"the target has shape {list(target.shape)}; pass {shape}, [N, 3, H, W] in [-1, 1]")
    if not len(target):
        raise UsageError(f"the target has no pictures; pass {shape}, [N, 3, H, W] in [-1, 1]")
    if not target.isfinite().all():
        raise PhotoError("the target has NaN or infinite pixels; read the picture again")
    target = target.to(models.generator.w_avg)
    if tuple(target.shape[2:]) == (height, width):
        return target
    return F.interpolate(target, (height, width), mode="bilinear", antialias=True).clamp(-1, 1)


def total_loss(losses: Mapping[str, Tensor], step: int) -> Tensor:
    """The sum [N] of weighted losses [N]. Raises NumericError, with the number of the step, where it is not finite."""
    total = torch.stack([*losses.values()]).sum(dim=0)
    if not total.isfinite().all():
        raise NumericError(f"the loss became {total.max().item()} at step {step}; lower the learning rate, --lr")
    return total


@torch.no_grad()
def reconstruction_scores(models: Models, target: Tensor, image: Tensor) -> list[dict[str, float]]:
    """The distances of pictures [N, 1..4, H, W] from the target, one dictionary per image.

    `l1` and `l2` are the mean absolute and mean squared difference in [-1, 1] units, of pictures clamped as they would
    be saved; `lpips` and `identity` (a cosine) are there where the models have the networks.
    """
    target, image = resize_target(models, target), to_rgb(image).clamp(-1, 1)
    difference = image - target
    scores = {"l1": difference.abs().mean(dim=(1, 2, 3)), "l2": difference.square().mean(dim=(1, 2, 3))}
    if perceptual := models.perceptual():
        scores["lpips"] = perceptual.distance(image, target)
    if recogniser := models.identity:
        scores["identity"] = similarity(recogniser.embed(image), recogniser.embed(target))
    return [{name: value[i].item() for name, value in scores.items()} for i in range(len(target))]
