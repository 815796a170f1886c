"""How alike two pictures look: LPIPS (Zhang et al. 2018)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Perceptual(Protocol):
    """Anything that gives the perceptual distance [N] of pictures [N, 3, R, R] in [-1, 1], two by two."""

    def distance(self, image: Tensor, target: Tensor) -> Tensor: ...
