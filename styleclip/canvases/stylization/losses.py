"""The losses of a stylization (CLIPstyler, section 3.2), and of the identity of faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.canvases.augmentation import random_perspectives, warp
from styleclip.canvases.stylization.content import Content
from styleclip.canvases.stylization.faces import Faces
from styleclip.canvases.stylization.settings import Stylization
from styleclip.losses import directional_loss, similarity
from styleclip.networks.clip import CLIP

MAX_GLOW = 1.5  # of a colour, in shares of that of the photo


@dataclass(eq=False)
class StylizationLosses:
    """The weighted losses of every step of the training of a net.

    Args:
        draw: the net: gives the styled photo [1, 3, H, W] in [-1, 1].
        photo: the photo [1, 3, H, W] in [-1, 1].
        clip: judges the style.
        direction: the unit direction [D] of the texts.
        settings: without open fields.
        content: keeps the content.
        faces: keep their identity; None where there are none.
    """

    draw: Callable[[Tensor], Tensor]
    photo: Tensor
    clip: CLIP
    direction: Tensor
    settings: Stylization
    content: Content
    faces: Faces | None

    def __post_init__(self) -> None:
        with torch.no_grad():
            self.source = self.clip.encode_image(self.photo)  # [1, D]
            self.content_source = self.content.features(self.photo)
            self.people = None if self.faces is None else self.faces.embed(self.photo)  # [faces, D]

    def __call__(self, step: int) -> dict[str, Tensor]:
        """The weighted terms, scalars; those of weight 0 are left out."""
        settings, styled = self.settings, self.draw(self.photo)
        losses: dict[str, tuple[float | None, Callable[[], Tensor]]] = {
            "patch": (settings.lambda_patch, lambda: self.patch_loss(styled, step)),
            "direction": (settings.lambda_direction, lambda: self.style_loss(styled, self.source)),
            "content": (settings.lambda_content, lambda: self.content_loss(styled)),
            "tv": (settings.lambda_tv, lambda: total_variation(styled)),
            "hue": (settings.lambda_hue, lambda: hue_loss(styled, self.photo)),
            "identity": (settings.lambda_id if self.faces else 0.0, lambda: self.identity_loss(styled)),
        }
        return {name: weight * loss().mean() for name, (weight, loss) in losses.items() if weight}

    def patch_loss(self, styled: Tensor, step: int) -> Tensor:
        """The directional losses [crops] of random crops; those below the threshold are 0 (equations 2 and 3)."""
        generator = torch.Generator().manual_seed(self.settings.seed + step)
        see = self._random_view(generator)
        source = self.source
        if self.settings.compare == "crop":
            with torch.no_grad():
                source = self.clip.encode_image(see(self.photo))
        losses = self.style_loss(see(styled), source)
        return torch.where(losses < (self.settings.threshold or 0.0), 0.0, losses)

    def style_loss(self, images: Tensor, source: Tensor) -> Tensor:
        """The directional loss [N] of images.

        With a `reach` the change itself counts in place of its direction: 1 where nothing has changed, 0 from a step of
        this length along the text on, and what changes across it is free.
        """
        features = self.clip.encode_image(images)
        if self.settings.reach is None:
            return directional_loss(features, source, self.direction)
        return (1 - similarity(features - source, self.direction) / self.settings.reach).relu()

    def content_loss(self, styled: Tensor) -> Tensor:
        return self.content.loss(self.content.features(styled), self.content_source)

    def identity_loss(self, styled: Tensor) -> Tensor:
        """`1 - cos` [faces] of every face before and after (StyleCLIP, equation 2)."""
        assert self.faces is not None and self.people is not None
        return 1 - similarity(self.faces.embed(styled), self.people)

    def _random_view(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """Random crops, perspectives and colours, the same of every image: [1, 3, H, W] -> [crops, 3, S, S]."""
        settings, (height, width) = self.settings, self.photo.shape[-2:]
        count, share = settings.num_crops or 1, settings.crop_size or 1.0
        side = min(height, width, max(8, round(share * max(height, width))))
        tops, lefts = (
            torch.randint(length - side + 1, (count,), generator=generator).tolist() for length in (height, width)
        )
        perspectives = random_perspectives(count, generator, settings.distortion or 0.0)
        spread = settings.jitter or 0.0
        gains = 1 + spread * (2 * torch.rand(count, 3, 1, 1, generator=generator) - 1)

        def see(image: Tensor) -> Tensor:
            crops = [image[..., top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True)]
            seen = warp(torch.cat(crops), perspectives)
            return (seen + 1) * gains.to(seen) - 1 if spread else seen

        return see


def total_variation(image: Tensor) -> Tensor:
    """The sum of the L2 norms of the differences to the right, below and along both diagonals, of [N, C, H, W]."""
    differences = (
        image[..., :-1] - image[..., 1:],
        image[..., :-1, :] - image[..., 1:, :],
        image[..., 1:, :-1] - image[..., :-1, 1:],
        image[..., :-1, :-1] - image[..., 1:, 1:],
    )
    return torch.stack([difference.norm() for difference in differences]).sum()


def hue_loss(styled: Tensor, photo: Tensor) -> Tensor:
    """The mean squared distance of the colours of [N, 3, H, W] from those of the photo as they fade or glow.

    The colour of a pixel is its difference from its own grey. It may be that of the photo times 0 to MAX_GLOW.
    """
    drawn, known = (image - image.mean(dim=1, keepdim=True) for image in (styled, photo))
    share = (drawn * known).sum(dim=1, keepdim=True) / known.square().sum(dim=1, keepdim=True).clamp(min=1e-6)
    return (drawn - share.clamp(0, MAX_GLOW) * known).square().mean()
