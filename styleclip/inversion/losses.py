"""What a reconstruction is asked for: the same pixels, the same look, the same person. All are means per image [N]."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import PhotoError, UsageError
from styleclip.losses import identity_loss, similarity
from styleclip.models import Models

MIN_PYRAMID_PX = 8  # pixels along one side of the smallest picture that is compared


@dataclass(frozen=True)
class LossWeights:
    """The weights of what is asked for; one at 0 is never computed."""

    pixel: float = 1.0  # mean squared difference, in [-1, 1] units, over a pyramid of scales
    perceptual: float = 0.8  # LPIPS, where there is one
    identity: float = 0.1  # 1 - cosine, where there is a recogniser


class ReconstructionLoss:
    """`likeness(image)` -> the weighted losses [N], by name, of pictures [N, 3, R, R] that should be `target`.

    As in pSp (equation 5): pixels, LPIPS and identity. The target is brought to the generator's resolution R once.
    """

    def __init__(self, models: Models, target: Tensor, weights: LossWeights) -> None:
        self.weights, self.target = weights, resize_target(models, target)
        self.scales = pyramid(self.target)
        self.perceptual = models.perceptual() if weights.perceptual else None
        self.identity = models.identity if weights.identity else None
        with torch.no_grad():
            self.person = self.identity.embed(self.target) if self.identity else None

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        losses = {"pixel": self.weights.pixel * pixel_loss(image, self.scales)}
        if self.perceptual is not None:
            losses["perceptual"] = self.weights.perceptual * self.perceptual.distance(image, self.target)
        if self.identity is not None and self.person is not None:
            losses["identity"] = self.weights.identity * identity_loss(self.identity, image, self.person)
        return losses


def pixel_loss(image: Tensor, scales: list[Tensor]) -> Tensor:
    """Mean squared difference [N] of pictures [N, 3, R, R] and a target's pyramid, averaged over the scales.

    The reduced scales see a face that is a few pixels off as nearly right, which the full one does not.
    """
    pairs = zip(pyramid(image), scales, strict=True)
    return torch.stack([(a - b).square().mean(dim=(1, 2, 3)) for a, b in pairs]).mean(dim=0)


def pyramid(image: Tensor) -> list[Tensor]:
    """The picture [N, 3, R, R] and its halves, by averages of 2x2, down to 8 px."""
    scales = [image]
    while scales[-1].shape[-1] > MIN_PYRAMID_PX:
        scales.append(F.avg_pool2d(scales[-1], 2))
    return scales


def resize_target(models: Models, target: Tensor) -> Tensor:
    """The target [N, 3, H, H] in [-1, 1] at the generator's resolution, [N, 3, R, R], on the device of the models.

    Raises UsageError for anything that is not a batch of square colour pictures, PhotoError for NaN in it.
    """
    if target.ndim != 4 or target.shape[1] != 3 or target.shape[2] != target.shape[3] or not len(target):
        raise UsageError(f"the target has shape {list(target.shape)}; pass square pictures [N, 3, H, H] in [-1, 1]")
    if not target.isfinite().all():
        raise PhotoError("the target has NaN or infinite pixels; read the picture again")
    target, side = target.to(models.generator.w_avg), models.generator.resolution
    if target.shape[-1] == side:
        return target
    return F.interpolate(target, (side, side), mode="bilinear", antialias=True).clamp(-1, 1)


@torch.no_grad()
def scores(models: Models, target: Tensor, image: Tensor) -> list[dict[str, float]]:
    """How well pictures [N, 3, R, R] show the target, per image.

    `l1` and `l2` are the mean absolute and mean squared difference in [-1, 1] units, of pictures clamped as they would
    be saved; `lpips` and `identity` (a cosine) are there where the models have them.
    """
    target, image = resize_target(models, target), image.clamp(-1, 1)
    apart = image - target
    found = {"l1": apart.abs().mean(dim=(1, 2, 3)), "l2": apart.square().mean(dim=(1, 2, 3))}
    if perceptual := models.perceptual():
        found["lpips"] = perceptual.distance(image, target)
    if identity := models.identity:
        found["identity"] = similarity(identity.embed(image), identity.embed(target))
    return [{name: value[i].item() for name, value in found.items()} for i in range(len(target))]
