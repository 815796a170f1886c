"""The noise buffers of a generator whose file lacks some: drawn from a seeded source, the same for every file."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from styleclip.networks.stylegan2 import block_size
from styleclip.networks.synthesis import ImageSize
from styleclip.weights.formats.configs import axis_size
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, ComputedTensor, LazyTensor

NO_NOISE = "the file has no noise buffers; seeded ones are used, so fine detail is our own"
SOME_NOISE = "the file lacks some noise buffers; seeded ones are used for them, so fine detail is our own"
STRENGTH, BUFFER = ".noise_strength", ".noise_const"  # ends of names
CONSTANT = "synthesis.b4.const"


def seeded_noise(constant: ImageSize, blocks: Mapping[str, int]) -> dict[str, LazyTensor]:
    """[1, 1, H, W] for every name, of the size of its block; `constant` is the size of the learned constant."""
    sizes = {name: block_size(constant, block) for name, block in blocks.items()}

    @functools.cache
    def draw() -> dict[str, Tensor]:
        source = torch.Generator().manual_seed(0)
        return {name: torch.randn(1, 1, *size, generator=source) for name, size in sizes.items()}

    def noise(name: str) -> LazyTensor:
        return ComputedTensor((1, 1, *sizes[name]), lambda: draw()[name])

    return {name: noise(name) for name in sizes}


def add_noise(tensors: Mapping[str, AnyTensor]) -> tuple[dict[str, AnyTensor], tuple[str, ...]]:
    """The tensors of a generator under our names with a buffer for every strength, and the warning where some lack."""
    layers = [name.removesuffix(STRENGTH) for name in tensors if name.endswith(STRENGTH)]
    lacking = [layer for layer in layers if f"{layer}{BUFFER}" not in tensors]
    if not lacking or CONSTANT not in tensors:
        return dict(tensors), ()
    constant = (axis_size(tensors, CONSTANT, 1), axis_size(tensors, CONSTANT, 2))
    drawn = seeded_noise(constant, {f"{layer}{BUFFER}": _block(layer) for layer in layers})
    seeded = {f"{layer}{BUFFER}": _without_axes(drawn[f"{layer}{BUFFER}"]) for layer in lacking}
    return {**tensors, **seeded}, (NO_NOISE if len(lacking) == len(layers) else SOME_NOISE,)


def _block(layer: str) -> int:
    """The resolution in `synthesis.b8.conv0`."""
    digits = layer.split(".")[1].removeprefix("b")
    return int(digits) if digits.isdecimal() else 4


def _without_axes(noise: LazyTensor) -> LazyTensor:
    return ComputedTensor(noise.shape[2:], lambda: noise.read()[0, 0])
