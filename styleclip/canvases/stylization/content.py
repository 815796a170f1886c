"""The content loss of a stylization (CLIPstyler, section 3.3): features of VGG, or of middle layers of the CLIP."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from styleclip.canvases.stylization.settings import ContentName
from styleclip.networks.clip import CLIP
from styleclip.networks.clip_layers import is_transformer, layer_features, layer_names
from styleclip.networks.vgg import VGG
from styleclip.weights.content_networks import load_content_network


class Content:
    """The layers that compare a styled photo with the photo.

    Args:
        clip: gives the layers where there is no VGG; their differences are relative to the features of the photo.
        vgg: gives conv4_2 and conv5_2, whose mean squared differences are summed, as published.
    """

    def __init__(self, clip: CLIP, vgg: VGG | None = None) -> None:
        self.clip, self.vgg = clip, vgg
        self.layers = tuple(vgg.layers) if vgg is not None else _middle_layers(clip)

    def record(self) -> dict[str, object]:
        """The network and the layers, for the record of a result."""
        return {"network": self.clip.name if self.vgg is None else self.vgg.name, "layers": self.layers}

    def features(self, image: Tensor) -> Mapping[str, Tensor]:
        """The outputs of the layers for images [N, 3, H, W] in [-1, 1]."""
        return layer_features(self.clip, image, *self.layers)[0] if self.vgg is None else self.vgg(image)

    def loss(self, styled: Mapping[str, Tensor], photo: Mapping[str, Tensor]) -> Tensor:
        """The sum over the layers of the mean squared difference of the features, a scalar."""
        differences = [(styled[name] - photo[name]).square().mean() for name in self.layers]
        if self.vgg is None:
            differences = [d / photo[name].square().mean() for d, name in zip(differences, self.layers, strict=True)]
        return torch.stack(differences).sum()


def load_content(clip: CLIP, name: ContentName = "auto") -> Content:
    """The content network of this name, on the device of the CLIP.

    "auto" is VGG19, else VGG16, whose weights `styleclip models pull vgg19` fetches; the CLIP where neither is on this
    disk. Raises WeightError for a VGG that is not.
    """
    vgg = None if name == "clip" else load_content_network(name)
    return Content(clip, None if vgg is None else vgg.to(clip.mean.device))


def _middle_layers(clip: CLIP) -> tuple[str, ...]:
    """Layers that see forms more than colours (CLIPasso, section 3.2): two of a residual tower, a third of others."""
    names = layer_names(clip)
    if not is_transformer(clip):
        return names[2:4]
    return names[max(0, len(names) // 2 - 1) : max(1, len(names) * 3 // 4)]
