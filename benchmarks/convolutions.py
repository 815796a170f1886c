"""The convolutions of a generator alone, on plain tensors, each in its fastest memory format.

This is a lower bound of the generator's time at the same precision. The rest of its time is modulation, noise,
activation, FIR filters and the skip image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import time_call
from styleclip.latents import StyleEntry
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.stylegan3 import INPUT, StyleGAN3Config

LAYOUTS = (torch.contiguous_format, torch.channels_last)
TRIES = 3  # timed runs of each memory format


@dataclass(frozen=True)
class Convolution:
    """One convolution of x [1, I, H, W]: 3x3 or 1x1 with padding, or transposed with stride 2."""

    x: Tensor
    weight: Tensor  # [O, I, k, k], transposed [I, O, 3, 3]
    up: bool
    padding: int

    @staticmethod
    def of_layer(generator: Generator, entry: StyleEntry) -> Convolution:
        """The convolution of a layer on a random input, at the precision of the features of its block."""
        weight, up, padding = (
            layer_weight(generator, entry),
            upsamples(generator, entry),
            layer_padding(generator, entry),
        )
        x = torch.randn(1, entry.channels, *[input_side(generator, entry)] * 2).to(feature_dtype(generator, entry))
        scaled = (weight / math.sqrt(weight[0].numel())).to(x)
        return Convolution(x, (scaled.transpose(0, 1) if up else scaled).contiguous(), up, padding)

    def in_layout(self, layout: torch.memory_format) -> Convolution:
        x, weight = (t.to(memory_format=layout) for t in (self.x, self.weight))
        return Convolution(x, weight, self.up, self.padding)

    def __call__(self) -> Tensor:
        return self._convolve(self.x)

    def with_backward(self, grad: Tensor) -> tuple[Tensor, ...]:
        """Forward, and the gradient of the input from that of the output."""
        x = self.x.detach().requires_grad_(True)
        return torch.autograd.grad(self._convolve(x), x, grad)

    def _convolve(self, x: Tensor) -> Tensor:
        if self.up:
            return F.conv_transpose2d(x, self.weight, stride=2)
        return F.conv2d(x, self.weight, padding=self.padding)


class ConvolutionBound:
    """All convolutions of a generator. `backward()` also runs them forward."""

    def __init__(self, generator: Generator) -> None:
        self.device = generator.w_avg.device
        convolutions = [Convolution.of_layer(generator, entry) for entry in convolved_entries(generator)]
        with torch.no_grad():
            self._forward = [self._fastest([one.in_layout(each) for each in LAYOUTS]) for one in convolutions]
        self._backward = [
            self._fastest([_backward_of(one.in_layout(each)) for each in LAYOUTS]) for one in convolutions
        ]

    @torch.no_grad()
    def forward(self) -> None:
        for run in self._forward:
            run()

    def backward(self) -> None:
        for run in self._backward:
            run()

    def _fastest(self, runs: list[Callable[[], object]]) -> Callable[[], object]:
        """The fastest callable, after one warm-up run of each."""
        for run in runs:
            run()
        return min(runs, key=lambda run: time_call(run, self.device, TRIES)[0])


def _backward_of(convolution: Convolution) -> Callable[[], object]:
    return partial(convolution.with_backward, torch.randn_like(convolution()))


def multiplication_count(generator: Generator, resolution: int) -> int:
    """Multiplications of the convolutions of one image of this resolution."""
    entries = [entry for entry in convolved_entries(generator) if entry.resolution <= resolution]
    return sum(pixels(generator, entry) * layer_weight(generator, entry).numel() for entry in entries)


def pixels(generator: Generator, entry: StyleEntry) -> int:
    """Where the filters of a layer are applied."""
    kernel, padding = layer_weight(generator, entry).shape[-1], layer_padding(generator, entry)
    wider = 0 if upsamples(generator, entry) else 2 * padding - kernel + 1
    return (input_side(generator, entry) + wider) ** 2


def convolved_entries(generator: Generator) -> list[StyleEntry]:
    """The layers with a convolution: all but the input of a StyleGAN3."""
    return [entry for entry in generator.layout.entries if entry.name != INPUT]


def layer_weight(generator: Generator, entry: StyleEntry) -> Tensor:
    """[O, I, k, k]"""
    return generator.synthesis.get_parameter(f"{entry.name}.weight").detach()


def layer_padding(generator: Generator, entry: StyleEntry) -> int:
    kernel = layer_weight(generator, entry).shape[-1]
    return kernel - 1 if isinstance(generator.config, StyleGAN3Config) else kernel // 2


def input_side(generator: Generator, entry: StyleEntry) -> int:
    """Height and width of what a layer convolves, in px."""
    if isinstance(generator.config, StyleGAN3Config):
        return {layer.name: layer.source.size for layer in generator.config.layers()}[entry.name]
    return entry.resolution // 2 if upsamples(generator, entry) else entry.resolution


def feature_dtype(generator: Generator, entry: StyleEntry) -> torch.dtype:
    """The precision of the features that a layer convolves."""
    stylegan2 = isinstance(generator.config, StyleGAN2Config)
    return generator.synthesis.get_parameter(
        f"b{entry.resolution}.conv1.weight" if stylegan2 else f"{entry.name}.weight"
    ).dtype


def upsamples(generator: Generator, entry: StyleEntry) -> bool:
    """Whether the layer doubles the side of its input."""
    return bool(getattr(generator.synthesis.get_submodule(entry.name), "up", False))
