"""What the synthesis networks of all generators have in common: styles -> image, layer by layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from styleclip.latents import StyleEntry, StyleLayout
from styleclip.networks.layers import ModulatedConv

Noise = Literal["const", "random", "none"]
Styles = dict[str, Tensor]  # of every layer, by name: [N, C_i]
NoiseInputs = dict[str, Tensor | None]  # of every layer with noise, by name: [N or 1, 1, H, W], None without noise
ImageSize = tuple[int, int]  # height, width in px


class State(NamedTuple):
    """Features and image after some of the layers, of a batch or of one image that a batch shares."""

    x: Tensor  # [N or 1, C, H, W]
    image: Tensor  # the sum of the toRGB layers so far [N or 1, img_channels, H, W]


class Synthesis(nn.Module, ABC):
    """A synthesis network g: styles -> image.

    The layers run in the order of `layout.entries`, each a submodule of its entry's name with an `affine` layer. `run`
    computes some of them, so images whose first layers agree can share the state before the first difference.
    """

    layout: StyleLayout
    image_size: ImageSize
    resolutions: tuple[int, ...]  # of the pictures that `forward` can give

    def forward(self, styles: Styles, noise: NoiseInputs, resolution: int | None = None) -> list[Tensor]:
        """The image after every toRGB layer, up to that of `resolution`."""
        state, images = self.start(len(next(iter(styles.values())))), []
        for entry in self.layout.entries:
            if entry.resolution > (resolution or self.resolutions[-1]):
                break
            state = self.step(entry, state, styles, noise)
            if entry.is_torgb:
                images.append(state.image)
        return images

    def run(self, entries: Iterable[StyleEntry], state: State, styles: Styles, noise: NoiseInputs) -> State:
        """The state after these layers, starting from `state`."""
        for entry in entries:
            state = self.step(entry, state, styles, noise)
        return state

    def styles(self, ws: Tensor) -> Tensor:
        """W+ [N, num_ws, w_dim] -> S [N, C]: the affine layer of every layer, in execution order."""
        affines = (self.get_submodule(f"{entry.name}.affine") for entry in self.layout.entries)
        parts = [affine(ws[:, entry.ws_index]) for affine, entry in zip(affines, self.layout.entries, strict=True)]
        return torch.cat(parts, dim=1)

    @abstractmethod
    def start(self, batch: int) -> State:
        """The state before the first layer."""

    @abstractmethod
    def step(self, entry: StyleEntry, state: State, styles: Styles, noise: NoiseInputs) -> State:
        """The state after one more layer."""

    @abstractmethod
    def rerender_torgb(self, entry: StyleEntry, x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The change of the image [N, img_channels, H, W] with the styles [N or 1, C_i] of a toRGB layer."""

    @abstractmethod
    def noise_inputs(self, batch: int, mode: Noise, seeds: Sequence[int] | None = None) -> NoiseInputs:
        """The noise of every layer that has noise."""

    def freeze(self) -> None:
        """Disable gradients and cache values that depend only on the weights."""
        self.requires_grad_(False)
        for layer in self.modules():
            if isinstance(layer, ModulatedConv):
                layer.freeze()

    def to_mixed_precision(self, dtype: torch.dtype, above: int) -> None:
        """Convolve in `dtype` in layers above `above` px."""
        for entry in self.layout.entries:
            layer = self.get_submodule(entry.name)
            if entry.resolution > above and isinstance(layer, ModulatedConv):
                layer.to_mixed_precision(dtype)
