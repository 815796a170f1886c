"""The U-Net of CLIPstyler (Kwon and Ye 2022, section 3.2): a photo -> the same photo in another style, at any size.

Instance normalisation makes every pixel depend on the whole picture. A pass may therefore take the statistics of an
earlier one: the net is then a plain convolution, which draws a large photo in tiles and the frames of a video alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_LEVELS = 3  # of halved size, as published
MULTIPLE_PX = 2**MAX_LEVELS  # to which sides are padded
MIN_SIDE_PX = 2 * MULTIPLE_PX  # of a padded picture: the last level has two pixels, of which a convolution mirrors one
EPSILON = 1e-5  # of the variance, as in nn.InstanceNorm2d
MARGIN_PX = 64  # around a tile, a multiple of MULTIPLE_PX; a pixel of the output sees 63 px each way
DARKEST = 0.02  # of the photo that a net begins with, in 0..1: its logit is finite

TILE_PX = 1024  # side of a tile, a multiple of MULTIPLE_PX
Start = Literal["photo", "noise"]
Place = tuple[EllipsisType, slice, slice]  # rows and columns of pictures [..., H, W]

Statistics = Sequence[Tensor]  # of every normalisation in its order: [2, N, C, 1, 1], the mean and the deviation


class PhotoUNet(nn.Module):
    """Photos [N, 3, H, W] in [-1, 1] -> styled photos of the same size in [-1, 1].

    Three levels down and up, with 1, 2 and 4 times `width` channels and 8 times in the middle; the features before each
    halving are joined on the way up. Sides that are no multiple of 8 px are mirrored and cut off again.

    Args:
        width: channels of the first level.
        levels: 3 as published, in which a pixel sees 63 px each way; fewer see less, 15 px with 1 and 6 with 0.
        start: what the untrained net draws: "photo", which it then changes, or, as published, "noise".

    Example:
        net = PhotoUNet()
        statistics = net.statistics(small_photo)
        for tile in tiles(height, width):
            styled[tile.place] = tile.cut(net(large_photo[tile.context], statistics))
    """

    def __init__(self, width: int = 16, levels: int = MAX_LEVELS, start: Start = "noise") -> None:
        super().__init__()
        self.start = start
        widths = [width * 2**level for level in range(levels)]
        self.first = nn.Conv2d(3, width, 1)
        self.entry = ResidualBlock(width, width)
        self.down = nn.ModuleList(Down(before, after) for before, after in zip([width, *widths], widths, strict=False))
        last = widths[-1] if widths else width
        self.middle = ResidualBlock(last, 2 * last)
        self.up = nn.ModuleList(Up(3 * each, each) for each in reversed(widths))
        self.exit = ResidualBlock(2 * width if widths else 3 * width, width)
        self.last = nn.Conv2d(width, 3, 1)
        if start == "photo":
            for parameter in self.last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, photo: Tensor, statistics: Statistics | None = None) -> Tensor:
        """The styled photo, normalised by these statistics, or by those of each photo itself."""
        return self._draw(photo, Norms(statistics))

    @torch.no_grad()
    def statistics(self, photo: Tensor) -> list[Tensor]:
        """The statistics of a photo."""
        norms = Norms()
        self._draw(photo, norms)
        return norms.measured

    def _draw(self, photo: Tensor, norms: Norms) -> Tensor:
        padded = mirror_to_multiple(photo)
        first = x = self.entry(self.first(padded), norms)
        joined = []
        for down in self.down:
            features, x = down(x, norms)
            joined.append(features)
        x = self.middle(x, norms)
        for up, features in zip(self.up, reversed(joined), strict=True):
            x = up(x, features, norms)
        drawn = self.last(self.exit(torch.cat([x, first], dim=1), norms))
        if self.start == "photo":
            drawn = drawn + torch.logit((padded + 1) / 2, eps=DARKEST)
        return drawn.sigmoid()[..., : photo.shape[-2], : photo.shape[-1]] * 2 - 1


class Norms:
    """The instance normalisations of one pass, by given statistics or by those of the pass.

    `measured` has the latter where no gradient is computed.
    """

    def __init__(self, given: Statistics | None = None) -> None:
        self.measured: list[Tensor] = []
        self._given = None if given is None else iter(given)

    def __call__(self, x: Tensor) -> Tensor:
        if self._given is not None:
            mean, deviation = next(self._given)
            return (x - mean) / deviation
        if torch.is_grad_enabled():
            return F.instance_norm(x, eps=EPSILON)
        variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, correction=0)
        deviation = (variance + EPSILON).sqrt()
        self.measured.append(torch.stack([mean, deviation]))
        return (x - mean) / deviation


class ResidualBlock(nn.Module):
    """Two normalised convolutions, added to a 1x1 convolution of the input: [N, before, H, W] -> [N, after, H, W]."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect")
        self.conv1 = nn.Conv2d(after, after, 3, padding=1, padding_mode="reflect")
        self.skip = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, norms: Norms) -> Tensor:
        inner = norms(self.conv0(x)).relu()
        return norms(self.conv1(inner)).relu() + self.skip(x)


class Down(nn.Module):
    """A residual block, whose features are kept, and a halving of the size: 4x4 convolution of stride 2."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.block = ResidualBlock(before, after)
        self.halve = nn.Conv2d(after, after, 4, stride=2, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor, norms: Norms) -> tuple[Tensor, Tensor]:
        features = self.block(x, norms)
        return features, self.halve(features)


class Up(nn.Module):
    """Twice the size by bilinear interpolation, joined with the features of the same level, and a residual block."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.block = ResidualBlock(before, after)

    def forward(self, x: Tensor, features: Tensor, norms: Norms) -> Tensor:
        larger = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.block(torch.cat([larger, features], dim=1), norms)


def mirror_to_multiple(photo: Tensor) -> Tensor:
    """The photo, continued to the right and below by its mirror image, to multiples of 8 px of 16 px or more."""
    for axis in (-2, -1):
        side = photo.shape[axis]
        wanted = max(MIN_SIDE_PX, -(-side // MULTIPLE_PX) * MULTIPLE_PX)
        if wanted > side:
            photo = photo.index_select(axis, _mirrored(side, wanted).to(photo.device))
    return photo


def _mirrored(side: int, wanted: int) -> Tensor:
    """The pixels 0, 1, ..., side - 1, side - 2, ..., 0, 1, ... of a mirrored side, `wanted` of them."""
    period = max(1, 2 * side - 2)
    place = torch.arange(wanted) % period
    return torch.minimum(place, period - place)


@dataclass(frozen=True)
class Tile:
    """A part of a picture that is drawn alone: its `place`, and its `context`, all that its pixels depend on."""

    place: Place
    context: Place

    def cut(self, drawn: Tensor) -> Tensor:
        """The tile, of its context as it was drawn."""
        rows, columns = (
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(self.place[1:], self.context[1:], strict=True)
        )
        return drawn[..., rows, columns]


def tiles(height: int, width: int, side: int = TILE_PX) -> Iterator[Tile]:
    """The tiles of a picture, of at most `side` px, a multiple of 8: with given statistics they have no seams."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            (rows, above), (columns, beside) = _spans(top, side, height), _spans(left, side, width)
            yield Tile((..., rows, columns), (..., above, beside))


def _spans(start: int, side: int, length: int) -> tuple[slice, slice]:
    """The pixels of a tile along an axis, and those that they depend on."""
    stop = min(start + side, length)
    return slice(start, stop), slice(max(0, start - MARGIN_PX), min(stop + MARGIN_PX, length))
