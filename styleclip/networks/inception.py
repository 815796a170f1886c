"""InceptionV3 of December 2015 (Szegedy et al. 2016), whose features FID and KID compare.

The architecture is torchvision's but for the pool branches of its blocks: their averages leave out the padding, and the
last one takes the maximum, as in TensorFlow's graph. Parameter names are those of torchvision and of
`pt_inception-2015-12-05-6726825d.pth`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.inception import (
    BasicConv2d,
    Inception3,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)

from styleclip.images import to_rgb

SIDE_PX = 299
NUM_CLASSES = 1008
FEATURES = 2048

Pool = Callable[[Tensor], Tensor]
POOL = {"kernel_size": 3, "stride": 1, "padding": 1}
average_pool: Pool = partial(F.avg_pool2d, **POOL, count_include_pad=False)  # type: ignore[arg-type]
max_pool: Pool = partial(F.max_pool2d, **POOL)


class Inception(nn.Module):
    """`inception.features(images)` are the averages [N, 2048] over the last feature map."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [BasicConv2d, BlockA, InceptionB, BlockC, InceptionD, BlockE, InceptionAux]
        network = Inception3(NUM_CLASSES, aux_logits=False, inception_blocks=blocks, init_weights=False)
        network.Mixed_7c.pool = max_pool
        network.fc = nn.Identity()  # its class logits are not used
        self.network = network

    def features(self, images: Tensor) -> Tensor:
        """Images [N, 1..4, H, W] in [-1, 1], rounded to 8 bits and resized as in pytorch-fid -> [N, 2048]."""
        pixels = (to_rgb(images).clamp(-1, 1) * 127.5 + 127.5).round() / 255
        resized = F.interpolate(pixels, size=(SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False)
        features: Tensor = self.network(2 * resized - 1)
        return features


class OwnPool:
    """A block of torchvision with another pool in front of its last branch."""

    pool: Pool = staticmethod(average_pool)
    branch_pool: nn.Module

    def _forward(self, x: Tensor) -> list[Tensor]:
        branches: list[Any] = super()._forward(x)[:-1]  # type: ignore[misc]
        return [*branches, self.branch_pool(self.pool(x))]


class BlockA(OwnPool, InceptionA):
    """35 x 35 features."""


class BlockC(OwnPool, InceptionC):
    """17 x 17 features."""


class BlockE(OwnPool, InceptionE):
    """8 x 8 features."""
