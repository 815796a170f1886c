"""LPIPS, the perceptual distance of two images (Zhang et al. 2018, "The unreasonable effectiveness of deep features").

The trunk is torchvision's AlexNet or VGG16 up to its last convolution, under the names of torchvision's files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.images import to_rgb

Trunk = Literal["alex", "vgg"]
TAPS: dict[Trunk, tuple[int, ...]] = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}  # ReLUs to compare
MAX_SIDE_PX = 256  # of the longer side; larger images are reduced to this by areas, as in pSp, e4e and PTI
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # mean and deviation of ImageNet, for [-1, 1]


class PerceptualDistance(Protocol):
    """A perceptual distance [N] of images [N, 1..4, H, W] in [-1, 1], pair by pair."""

    def distance(self, image: Tensor, target: Tensor) -> Tensor: ...


class LPIPS(nn.Module):
    """Distances of unit features; channel weights fitted to human judgements (version 0.1 of the weights)."""

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk = "alex") -> None:
        from torchvision.models import alexnet, vgg16

        super().__init__()
        self.taps = TAPS[trunk]
        whole = alexnet(weights=None) if trunk == "alex" else vgg16(weights=None)
        self.features = whole.features[: self.taps[-1] + 1]
        widths = [self.features[tap - 1].out_channels for tap in self.taps]
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in widths)
        for name, numbers in (("shift", SHIFT), ("scale", SCALE)):
            self.register_buffer(name, torch.tensor(numbers, device="cpu").view(3, 1, 1), persistent=False)

    def distance(self, image: Tensor, target: Tensor) -> Tensor:
        """[N] for images [N, 1..4, H, W] in [-1, 1], 0 for equal ones; a longer side of more than 256 px is reduced."""
        return self(_reduce(to_rgb(image)), _reduce(to_rgb(target)))

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """[N]: `sum_l mean_hw w_l . (a_l - b_l)^2` over unit features a_l, b_l of every tap l (equation 1)."""
        pairs = zip(self.heads, self.unit_features(image), self.unit_features(target), strict=True)
        distances = [head((a - b).square()).mean(dim=(1, 2, 3)) for head, a, b in pairs]  # each [N]
        return torch.stack(distances).sum(dim=0)

    def unit_features(self, image: Tensor) -> Iterator[Tensor]:
        """The features [N, C_l, H_l, W_l] of every tap, of unit length at every position."""
        x = (image - self.shift) / self.scale
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                yield x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def _reduce(image: Tensor) -> Tensor:
    size, longest = image.shape[2:], max(image.shape[2:])
    if longest <= MAX_SIDE_PX:
        return image
    return F.interpolate(image, [max(1, round(side * MAX_SIDE_PX / longest)) for side in size], mode="area")
