"""Definitions of the operations in plain torch, independent of the package, and the tolerance of the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Act:
    """bias_act and its gradient by definition, at the precision of their arguments."""

    b: Tensor | None = None
    scale: Tensor | None = None
    noise: Tensor | None = None
    slope: float = 0.2
    gain: float = 1.5
    clamp: float | None = None

    def argument(self, x: Tensor) -> Tensor:
        v = x if self.scale is None else x * over_pixels(self.scale, x).to(x)
        v = v if self.noise is None else v + self.noise.to(x)
        return v if self.b is None else v + over_pixels(self.b[None], x).to(x)

    def __call__(self, x: Tensor) -> Tensor:
        y = self.gain * F.leaky_relu(self.argument(x), self.slope)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)

    def backward(self, grad: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        v = self.argument(x)
        u = self.gain * torch.where(v > 0, grad, self.slope * grad)
        if self.clamp is not None:
            u = u * ((self.gain * F.leaky_relu(v, self.slope)).abs() <= self.clamp)
        sums = torch.stack([part[..., None].flatten(2).sum(dim=2) for part in (u, u * x)])
        return u if self.scale is None else u * over_pixels(self.scale, x).to(x), sums


def over_pixels(numbers: Tensor, x: Tensor) -> Tensor:
    return numbers.reshape(*numbers.shape, *[1] * (x.ndim - 2))


def upfirdn2d(x: Tensor, taps: Tensor, up: int, down: int, padding: tuple[int, ...], gain: float) -> Tensor:
    """The definition, at the precision of x."""
    n, c, height, width = x.shape
    spread = x.new_zeros(n, c, height * up, width * up)
    spread[:, :, ::up, ::up] = x
    padded = F.pad(F.pad(spread, [max(0, pixels) for pixels in padding]), [min(0, pixels) for pixels in padding])
    weights = (gain * torch.outer(taps.double(), taps.double()).flip(0, 1)).to(x)
    return F.conv2d(padded, weights.expand(c, 1, -1, -1), stride=down, groups=c)


def normal(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def acts(n: int, c: int, *pixels: int, dtype: torch.dtype) -> Iterator[Act]:
    """bias_act with all arguments, with none, linear with a clamp, and with each argument alone."""
    b, scale = normal(c, dtype=dtype, seed=1), normal(n, c, dtype=dtype, seed=2)
    noise = normal(n, 1, *pixels, dtype=dtype, seed=3) if len(pixels) == 2 else None
    yield from (Act(b, scale, noise, clamp=1.0), Act(), Act(clamp=0.5, slope=1.0), Act(b=b), Act(scale=scale))
    if noise is not None:
        yield from (Act(noise=noise), Act(b, scale, noise[:1]))


def assert_close(found: Tensor, plain: Tensor, exact: Tensor) -> None:
    """At most twice the error of plain torch at this precision; one rounding of the result is allowed on top.

    Root mean squares, because the largest errors of a few numbers are luck. In float64 nothing is exact.
    """
    assert found.shape == exact.shape
    error, allowed = ((values - exact).square().mean().sqrt() for values in (found, plain))
    rounding = 1e-13 if found.dtype is torch.float64 else torch.finfo(found.dtype).eps / 2
    assert error <= 2 * allowed + rounding * exact.abs().max()
