"""VGG16 and VGG19 of torchvision, whose features compare the content of pictures (Gatys et al. 2016)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from styleclip.networks.lpips import SCALE, SHIFT

VggName = Literal["vgg16", "vgg19"]
CONTENT_LAYERS: dict[VggName, dict[str, int]] = {  # of CLIPstyler: the convolutions, by their index in `features`
    "vgg16": {"conv4_2": 19, "conv5_2": 26},
    "vgg19": {"conv4_2": 21, "conv5_2": 30},
}


class VGG(nn.Module):
    """The convolutions up to conv5_2, under the names of torchvision's files."""

    shift: Tensor
    scale: Tensor

    def __init__(self, name: VggName) -> None:
        from torchvision.models import vgg16, vgg19

        super().__init__()
        self.name, self.layers = name, CONTENT_LAYERS[name]
        whole = vgg16(weights=None) if name == "vgg16" else vgg19(weights=None)
        self.features = whole.features[: max(self.layers.values()) + 1]
        for number, layer in enumerate(self.features):
            if isinstance(layer, nn.ReLU):
                self.features[number] = nn.ReLU(inplace=False)  # the output of the convolution before it is returned
        for buffer, numbers in (("shift", SHIFT), ("scale", SCALE)):
            self.register_buffer(buffer, torch.tensor(numbers, device="cpu").view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """The outputs [N, C, h, w] of conv4_2 and conv5_2 for images [N, 3, H, W] in [-1, 1]."""
        x, outputs = (image - self.shift) / self.scale, {}
        names = {number: name for name, number in self.layers.items()}
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in names:
                outputs[names[number]] = x
        return outputs
