"""A trunk of plain convolutions: the vision tower and the recogniser that judge what editors of the demo world made."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

FOLD = 2  # side in pixels of the squares that become channels in front of the first convolution


class PlainTower(nn.Module):
    """Images [N, 3, S, S] -> features [N, D]: 3x3 convolutions, every second of which halves the side.

    Args:
        channels: of the outputs of the convolutions.
        image_size: side S of the images; a multiple of twice the factor by which the convolutions reduce it.
        features: their number D.
    """

    def __init__(self, channels: Sequence[int], image_size: int, features: int) -> None:
        super().__init__()
        self.image_size = image_size
        layers: list[nn.Module] = [nn.PixelUnshuffle(FOLD)]
        before = 3 * FOLD**2
        for number, width in enumerate(channels):
            conv = nn.Conv2d(before, width, 3, stride=1 + number % 2, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        side = image_size // FOLD // 2 ** (len(channels) // 2)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side**2, features))

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images)
        return features
