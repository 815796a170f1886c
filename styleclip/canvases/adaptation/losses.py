"""The directional loss of a child against its parent, summed over CLIPs (StyleGAN-NADA, equation 2 and section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.losses import clip_loss, directional_loss
from styleclip.networks.clip import CLIP
from styleclip.prompts import Prompt, text_direction


@dataclass(frozen=True)
class WeightedClip:
    """A CLIP and the weight of its loss.

    Example:
        adapt(models, prompt, others=[WeightedClip(load_clip("ViT-B-16/openai"), 0.5)])
    """

    clip: CLIP
    weight: float = 1.0


class AdaptationLoss:
    """The losses of one prompt by several CLIPs; its texts are encoded once."""

    def __init__(self, clips: Sequence[WeightedClip], prompt: Prompt, min_change: float) -> None:
        (source,) = prompt.neutrals
        self.clips, self.min_change = clips, min_change
        self.directions = [text_direction(each.clip, source, prompt.target) for each in clips]  # each [D]
        self.targets = [each.clip.encode_text([prompt.target]) for each in clips]  # each [1, D]

    def directional(self, child: Tensor, parent: Tensor) -> Tensor:
        """The directional loss, a scalar, of images [N, 1..4, H, W] of both; only the child's have a gradient."""
        losses = []
        for each, direction in zip(self.clips, self.directions, strict=True):
            with torch.no_grad():
                before = each.clip.encode_image(parent)
            after = each.clip.encode_image(child)
            losses.append(each.weight * directional_loss(after, before, direction, self.min_change).mean())
        return torch.stack(losses).sum()

    def to_target(self, images: Tensor) -> Tensor:
        """The distance from the target text alone, a scalar, by which layers are chosen."""
        pairs = zip(self.clips, self.targets, strict=True)
        losses = [each.weight * clip_loss(each.clip, images, target).mean() for each, target in pairs]
        return torch.stack(losses).sum()
