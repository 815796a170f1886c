"""Encoders from images to W+: e4e (Tov et al. 2021) and pSp (Richardson et al. 2021), one architecture.

An IR-SE50 trunk, a feature pyramid over its last three stages, and one small network per vector of W+. Parameter
names are those of e4e's files under `encoder.`.
"""

from __future__ import annotations

import copy
import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.latents import repeat_last_row
from styleclip.networks.arcface import IRSE50
from styleclip.networks.encoder_config import FRAME_PX, MAX_DOWNSAMPLING, EncoderConfig
from styleclip.networks.generator import Generator
from styleclip.networks.layers import EqualLinear
from styleclip.networks.resize import apply_resizes, ratio_resize

COARSE, MEDIUM, FINE = 0, 3, 7  # index of the first vector of W+ from each level of the pyramid, 1/16 to 1/4


class Encoder(IRSE50):
    """`encoder(image) -> codes [N, num_ws, w_dim]` in W+.

    With `kind` e4e the vectors are one w and offsets to it, `(w, w + delta_1, ..., w + delta_n)`; with pSp they are
    independent. Both are relative to `w_avg` [num_ws, w_dim] (pSp, equation 1), which is zero for encoders that were
    trained without it.
    """

    w_avg: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.widths)
        self.config = config
        self.provenance: dict[str, str] = {}  # name and hash of the file, if any
        *_, medium, fine, width = config.widths
        deepest = (config.frame // MAX_DOWNSAMPLING).bit_length() - 1
        self.styles = nn.ModuleList(
            Style(deepest + _level(index), width, config.w_dim, config.leak) for index in range(config.num_ws)
        )
        self.latlayer1 = nn.Conv2d(fine, width, 1)
        self.latlayer2 = nn.Conv2d(medium, width, 1)
        self.register_buffer("w_avg", torch.zeros(config.num_ws, config.w_dim))

    def encode(self, image: Tensor) -> Tensor:
        """Aligned frame [N, 1..4, H, W] in [-1, 1], any resolution -> codes [N, num_ws, w_dim]."""
        codes: Tensor = self(resize_frame(image, self.config.frame))
        return codes

    def forward(self, image: Tensor) -> Tensor:
        """Image [N, 3, 256, 256] in [-1, 1] ([N, 3, 192, 256] for the encoder of cars) -> codes [N, num_ws, w_dim]."""
        w, deltas = self.offsets(image)
        vectors = [w, *(w + delta for delta in deltas)] if self.config.kind == "e4e" else [w, *deltas]
        return torch.stack(vectors, dim=1) + self.w_avg

    def add_rows(self, generator: Generator) -> None:
        """Where the generator was grown from one with as many vectors of W+, give those of it, repeating the last."""
        small = generator.grown_from
        if small is not None and self.config.num_ws == small.num_ws:
            self.w_avg = repeat_last_row(self.w_avg[None], generator.num_ws)[0]
            self.config = dataclasses.replace(self.config, num_ws=generator.num_ws)

    def add_heads(self) -> None:
        """Give every repeated vector a network of its own, which begins as a copy of the last one."""
        for _ in range(self.config.num_ws - len(self.styles)):
            self.styles.append(copy.deepcopy(self.styles[-1]))

    def offsets(self, image: Tensor, count: int | None = None) -> tuple[Tensor, list[Tensor]]:
        """The first vector [N, w_dim] and the others, or `count` of them, before they are combined.

        In e4e (section 5.1) these are w and delta_1, delta_2, ...
        """
        levels = self.pyramid(image)
        styles = list(self.styles)[: None if count is None else 1 + count]
        first, *others = (style(levels[_level(index)]) for index, style in enumerate(styles))
        repeated = 0 if count is not None else self.config.num_ws - len(styles)
        return first, others + others[-1:] * repeated

    def pyramid(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[N, 3, H, W] -> [N, C, H/16, W/16], [N, C, H/8, W/8], [N, C, H/4, W/4] (pSp, figure 2)."""
        _, c1, c2, c3 = self.stages(image)
        p2 = _upsample_like(c3, c2) + self.latlayer1(c2)
        p1 = _upsample_like(p2, c1) + self.latlayer2(c1)
        return c3, p2, p1


class Style(nn.Module):
    """One vector of W+ from a level of the pyramid: convolutions that halve it down to 1x1 (pSp, "map2style")."""

    def __init__(self, halvings: int, width: int, w_dim: int, leak: float) -> None:
        super().__init__()
        layers = (layer for _ in range(halvings) for layer in (nn.Conv2d(width, width, 3, 2, 1), nn.LeakyReLU(leak)))
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(width, w_dim)

    def forward(self, x: Tensor) -> Tensor:  # [N, C, 2^halvings, 2^halvings] -> [N, w_dim]
        w: Tensor = self.linear(self.convs(x).flatten(1))
        return w


def resize_frame(image: Tensor, frame: int = FRAME_PX) -> Tensor:
    """The encoder's input, [N, 1..4, H, W] -> [N, 3, 256, 256]: bilinear and antialiased, as in Pillow.

    A frame that is not square keeps its ratio: 256 x 128 px of 1024 x 512.
    """
    return apply_resizes(image, ratio_resize(image, frame, "bilinear"))[0]


def _level(index: int) -> int:
    """The level of the pyramid for the vector of W+ with this index: 0 is the coarsest."""
    return sum(index >= first for first in (COARSE, MEDIUM, FINE)) - 1


def _upsample_like(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=True)
