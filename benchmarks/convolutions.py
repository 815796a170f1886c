"""The convolutions of a generator on plain tensors, each in its best layout, and nothing else.

A generator that convolves at this precision cannot be faster; what it takes beyond this is modulation, noise,
activation, filters and colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import timed
from styleclip.latents import StyleEntry
from styleclip.networks.stylegan2 import Generator

LAYOUTS = (torch.contiguous_format, torch.channels_last)
TRIES = 3  # of each layout


@dataclass(frozen=True)
class Convolution:
    """One convolution of a picture [1, I, H, W]: with 3x3 or toRGB's 1x1 taps, or transposed with stride 2."""

    x: Tensor
    weight: Tensor  # [O, I, k, k], transposed [I, O, 3, 3]
    up: bool

    @staticmethod
    def of(generator: Generator, entry: StyleEntry) -> Convolution:
        """That of a layer, on random numbers, at the precision of the features of its block."""
        weight, up = weight_of(generator, entry), is_up(generator, entry)
        features = generator.synthesis.get_parameter(f"b{entry.resolution}.conv1.weight")
        side = entry.resolution // 2 if up else entry.resolution
        x = torch.randn(1, entry.channels, side, side).to(features)
        spread = (weight / math.sqrt(weight[0].numel())).to(features)
        return Convolution(x, (spread.transpose(0, 1) if up else spread).contiguous(), up)

    def laid_out(self, layout: torch.memory_format) -> Convolution:
        x, weight = (t.to(memory_format=layout) for t in (self.x, self.weight))
        return Convolution(x, weight, self.up)

    def __call__(self) -> Tensor:
        return self._of(self.x)

    def with_backward(self, grad: Tensor) -> tuple[Tensor, ...]:
        """Also the gradient of the input, from that of the output."""
        x = self.x.detach().requires_grad_(True)
        return torch.autograd.grad(self._of(x), x, grad)

    def _of(self, x: Tensor) -> Tensor:
        if self.up:
            return F.conv_transpose2d(x, self.weight, stride=2)
        return F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)


class Bound:
    """All convolutions of a generator: `bound.forward()`, and `bound.backward()`, which runs them forward as well."""

    def __init__(self, generator: Generator) -> None:
        self.device = generator.w_avg.device
        convolutions = [Convolution.of(generator, entry) for entry in generator.layout.entries]
        with torch.no_grad():
            self._forward = [self._best([one.laid_out(each) for each in LAYOUTS]) for one in convolutions]
        self._backward = [self._best([_with_gradient(one.laid_out(each)) for each in LAYOUTS]) for one in convolutions]

    @torch.no_grad()
    def forward(self) -> None:
        for run in self._forward:
            run()

    def backward(self) -> None:
        for run in self._backward:
            run()

    def _best(self, runs: list[Callable[[], object]]) -> Callable[[], object]:
        """The fastest, after one try that does not count."""
        for run in runs:
            run()
        return min(runs, key=lambda run: timed(run, self.device, TRIES)[0])


def _with_gradient(convolution: Convolution) -> Callable[[], object]:
    return partial(convolution.with_backward, torch.randn_like(convolution()))


def multiplications(generator: Generator, resolution: int) -> int:
    """What the convolutions of one picture of this size multiply."""
    entries = [entry for entry in generator.layout.entries if entry.resolution <= resolution]
    sides = [entry.resolution // 2 if is_up(generator, entry) else entry.resolution for entry in entries]
    return sum(side**2 * weight_of(generator, entry).numel() for side, entry in zip(sides, entries, strict=True))


def weight_of(generator: Generator, entry: StyleEntry) -> Tensor:
    """[O, I, k, k]"""
    return generator.synthesis.get_parameter(f"{entry.name}.weight").detach()


def is_up(generator: Generator, entry: StyleEntry) -> bool:
    """Whether the layer doubles the side of its input."""
    return bool(getattr(generator.synthesis.get_submodule(entry.name), "up", False))
