"""Networks that should be the same: how to say so, and a discriminator to say it about."""

from typing import Any

import torch
from torch import Tensor

from styleclip.networks.discriminator import Discriminator
from tests.helpers.tiny import TINY

SAME = 1e-5  # two computations of one network: a few hundred float32 roundings on values of order 10


def tiny_discriminator(**options: Any) -> Discriminator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        discriminator = Discriminator({4: 6, 8: 5, 16: 4}, **options)
        for name, tensor in discriminator.state_dict().items():
            if name.endswith("bias"):
                tensor.normal_()
    return discriminator.eval().requires_grad_(False)


def z(count: int = 3, size: int = TINY.z_dim) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0))


def images() -> Tensor:
    return 3 * torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def error(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


def assert_same(found: torch.nn.Module, expected: torch.nn.Module) -> None:
    a, b = found.state_dict(), expected.state_dict()
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
