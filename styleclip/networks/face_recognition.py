"""Face recognition networks, for the identity loss.

ArcFace (networks/arcface) is the published one; `SmallRecogniser` and `PlainRecogniser` belong to the demo
world; `Facenet` wraps facenet-pytorch's InceptionResnetV1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.networks.plain_tower import PlainTower
from styleclip.networks.resize import ResizeCrop, apply_resizes, square_resize
from styleclip.runtime.image_by_image import by_image


class FaceRecogniser(nn.Module):
    """Base of recognisers: aligned frames [N, 1..4, H, W] in [-1, 1] -> unit features [N, D].

    A frame that is not square is centred on a black square.
    """

    def embed(self, image: Tensor) -> Tensor:
        """Frames of any resolution -> unit features."""
        return self.encode_pixels(*apply_resizes(image, self.resize_crop(image)))

    def resize_crop(self, image: Tensor) -> ResizeCrop | None:
        """The crop and resize of frames of this shape to the network's input; None where no resize is needed."""
        raise NotImplementedError

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """The network's input [N, 3, S, S] -> unit features [N, D]."""
        raise NotImplementedError


class SmallRecogniser(FaceRecogniser):
    """A small convolutional network; its features encode the geometry and skin tone of a face."""

    side = 64

    def __init__(self, features: int) -> None:
        super().__init__()
        widths = (3, 32, 64, 96, 128)
        layers: list[nn.Module] = []
        for before, width in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.SiLU()]
            layers += [nn.Conv2d(width, width, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(width), nn.SiLU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 4 * 4, 256), nn.SiLU())
        self.head = nn.Linear(256, features)

    def forward(self, image: Tensor) -> Tensor:  # [N, 3, 64, 64] -> [N, features]
        return self.head(self.trunk(image))

    def resize_crop(self, image: Tensor) -> ResizeCrop | None:
        return square_resize(image, self.side, "bilinear")

    @by_image
    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return F.normalize(self(pixels), dim=-1)


class PlainRecogniser(FaceRecogniser):
    """As `SmallRecogniser`, of plain convolutions: the recogniser that judges what an identity loss kept."""

    side = 64

    def __init__(self, channels: Sequence[int], features: int) -> None:
        super().__init__()
        self.tower = PlainTower(channels, self.side, features)

    def forward(self, image: Tensor) -> Tensor:  # [N, 3, 64, 64] -> [N, features]
        measures: Tensor = self.tower(image)
        return measures

    def resize_crop(self, image: Tensor) -> ResizeCrop | None:
        return square_resize(image, self.side, "bilinear")

    @by_image
    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return F.normalize(self(pixels), dim=-1)


class Facenet(FaceRecogniser):
    """facenet-pytorch's InceptionResnetV1 on whole aligned frames, resized to the 160 px it was trained on."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network  # an eval-mode InceptionResnetV1: unit features [N, 512]

    def resize_crop(self, image: Tensor) -> ResizeCrop | None:
        return square_resize(image, 160, "bilinear")

    @by_image
    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return F.normalize(self.network(pixels), dim=-1)
