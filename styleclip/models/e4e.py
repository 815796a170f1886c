"""Encoders from pictures to W+: e4e (Tov et al. 2021) and pSp (Richardson et al. 2021), two readings of one network.

An IR-SE50 trunk, a feature pyramid over its last three stages, and one small network per vector of W+. Parameter
names are those of e4e's files below `encoder.`.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.models.irse import FRAME, IRSE50, STAGES
from styleclip.models.layers import EqualLinear

Combination = Literal["e4e", "psp"]
W_DIM = STAGES[-1].out_channels
COARSE, MEDIUM, FINE = 0, 3, 7  # the first vector of W+ that each level of the pyramid gives, from 1/16 to 1/4


class Encoder(IRSE50):
    """`encoder(image) -> codes [N, num_ws, 512]` in W+, for a generator with `num_ws` vectors (18 at 1024 px).

    `kind` says how the vectors combine: e4e's are one w and offsets to it, `(w, w + delta_1, ..., w + delta_n)`;
    pSp's are independent. Both are relative to `w_avg` [num_ws, 512], zero where the encoder was trained without
    (pSp, equation 1).
    """

    w_avg: Tensor

    def __init__(self, num_ws: int, kind: Combination = "e4e") -> None:
        super().__init__()
        self.kind = kind
        self.styles = nn.ModuleList(Style(4 + _level(index)) for index in range(num_ws))
        self.latlayer1 = nn.Conv2d(STAGES[-2].out_channels, W_DIM, 1)
        self.latlayer2 = nn.Conv2d(STAGES[-3].out_channels, W_DIM, 1)
        self.register_buffer("w_avg", torch.zeros(num_ws, W_DIM))

    @property
    def num_ws(self) -> int:
        return len(self.styles)

    def encode(self, image: Tensor) -> Tensor:
        """Aligned frame [N, 3, R, R] in [-1, 1], any resolution -> codes [N, num_ws, 512]."""
        codes: Tensor = self(resize_frame(image))
        return codes

    def forward(self, image: Tensor) -> Tensor:
        """Image [N, 3, 256, 256] in [-1, 1] ([N, 3, 192, 256] for the encoder of cars) -> codes [N, num_ws, 512]."""
        levels = self.pyramid(image)
        vectors = [style(levels[_level(index)]) for index, style in enumerate(self.styles)]
        if self.kind == "e4e":
            w, *deltas = vectors
            vectors = [w, *(w + delta for delta in deltas)]
        return torch.stack(vectors, dim=1) + self.w_avg

    def pyramid(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[N, 3, H, W] -> [N, 512, H/16, W/16], [N, 512, H/8, W/8], [N, 512, H/4, W/4] (pSp, figure 2)."""
        _, c1, c2, c3 = self.stages(image)
        p2 = _enlarge(c3, c2) + self.latlayer1(c2)
        p1 = _enlarge(p2, c1) + self.latlayer2(c1)
        return c3, p2, p1


class Style(nn.Module):
    """One vector of W+ from a level of the pyramid: convolutions that halve it down to 1x1 (pSp, "map2style")."""

    def __init__(self, halvings: int) -> None:
        super().__init__()
        layers = (layer for _ in range(halvings) for layer in (nn.Conv2d(W_DIM, W_DIM, 3, 2, 1), nn.LeakyReLU(0.01)))
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(W_DIM, W_DIM)

    def forward(self, x: Tensor) -> Tensor:  # [N, 512, 2^halvings, 2^halvings] -> [N, 512]
        w: Tensor = self.linear(self.convs(x).flatten(1))
        return w


def resize_frame(image: Tensor) -> Tensor:
    """The frame as the encoder sees it, [N, 3, R, R] -> [N, 3, 256, 256]: bilinear and antialiased, as Pillow's."""
    if image.shape[2:] == (FRAME, FRAME):
        return image
    return F.interpolate(image, (FRAME, FRAME), mode="bilinear", antialias=True)


def _level(index: int) -> int:
    """The level of the pyramid that gives this vector of W+: 0 is the coarsest."""
    return sum(index >= first for first in (COARSE, MEDIUM, FINE)) - 1


def _enlarge(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=True)
