"""The z of seeds: the same on every machine and in every batch."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import torch
from torch import Tensor

from styleclip.errors import UsageError


def sample_z(seeds: Sequence[int], size: int) -> Tensor:
    """z [N, size]: of each seed, on every machine and in every batch, the same. Raises UsageError."""
    numbers = [_seed_number(seed) for seed in seeds]
    return torch.stack([_normal(size, number) for number in numbers])


def _normal(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def _seed_number(seed: int) -> int:
    """The seed as torch takes it, also of a whole number of numpy. Raises UsageError."""
    if isinstance(seed, SupportsIndex) and -(2**63) <= (number := operator.index(seed)) < 2**63:
        return number
    raise UsageError(f"the seed is {str(seed)[:40]}; it must be a whole number of at most 63 bits")
