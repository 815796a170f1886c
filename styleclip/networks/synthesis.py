"""The synthesis network of StyleGAN2: styles -> image, layer by layer (Karras et al. 2020, figure 7b)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from styleclip.errors import UsageError
from styleclip.latents import StyleEntry, StyleLayout
from styleclip.networks.layers import StyledConv, ToRGB, fir_taps, normal, upsample

Noise = Literal["const", "random", "none"]
Styles = dict[str, Tensor]  # of every layer, by name: [N, C_i]
NoiseInputs = dict[str, Tensor | None]  # of every convolution, by name: [N or 1, 1, H, W], None without noise
ImageSize = tuple[int, int]  # height, width in px
CONSTANT_SIZE: ImageSize = (4, 4)  # of the published square generators
FIRST_RESOLUTION = 4  # name of the block with the constant, b4


def block_size(constant: ImageSize, resolution: int) -> ImageSize:
    """Height and width in the block called b{resolution}: those of the constant, doubled with every block."""
    factor = resolution // FIRST_RESOLUTION
    return constant[0] * factor, constant[1] * factor


class State(NamedTuple):
    """Features and skip image after some of the layers, of a batch or of one image that a batch shares."""

    x: Tensor  # [N or 1, C, H, W]
    image: Tensor  # the skip image [N or 1, img_channels, H, W]; at half the size until toRGB has run


class Synthesis(nn.Module):
    """The synthesis network g: styles -> image, with RGB skip connections (StyleGAN2, figure 7b).

    `channels` maps every resolution from 4 upwards to its channels; `conv_clamp` bounds the activations. `constant` is
    the size of the learned constant, `img_channels` the number of channels of the image. The layers run in the order of
    `layout.entries`. `run` computes some of them, so images whose first layers agree can share the state before the
    first difference.
    """

    taps: Tensor

    def __init__(
        self,
        channels: Mapping[int, int],
        w_dim: int,
        conv_clamp: float | None = None,
        constant: ImageSize = CONSTANT_SIZE,
        img_channels: int = 3,
    ) -> None:
        super().__init__()
        self.layout = StyleLayout.from_channels(dict(channels))
        self.resolutions, self.img_channels = tuple(channels), img_channels
        self.image_size = block_size(constant, self.resolutions[-1])
        before = 0
        for resolution, width in channels.items():
            size = block_size(constant, resolution)
            self.add_module(f"b{resolution}", Block(before, width, size, w_dim, conv_clamp, img_channels))
            before = width
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(self, styles: Styles, noise: NoiseInputs, resolution: int | None = None) -> list[Tensor]:
        """The skip image after every block, up to that of `resolution`."""
        state, images = self.start(len(next(iter(styles.values())))), []
        for entry in self.layout.entries:
            if entry.resolution > (resolution or self.resolutions[-1]):
                break
            state = self.step(entry, state, styles, noise)
            if entry.is_torgb:
                images.append(state.image)
        return images

    def start(self, batch: int) -> State:
        """The learned constant and a grey picture of its size, before the first layer."""
        const = self.get_parameter(f"b{self.resolutions[0]}.const")
        return State(const.expand(batch, -1, -1, -1), const.new_zeros(batch, self.img_channels, *const.shape[1:]))

    def run(self, entries: Iterable[StyleEntry], state: State, styles: Styles, noise: NoiseInputs) -> State:
        """The state after these layers, starting from `state`."""
        for entry in entries:
            state = self.step(entry, state, styles, noise)
        return state

    def step(self, entry: StyleEntry, state: State, styles: Styles, noise: NoiseInputs) -> State:
        """The state after one more layer: a convolution makes new features, toRGB adds to the upsampled skip image."""
        layer, (x, image) = self.get_submodule(entry.name), state
        if not entry.is_torgb:
            return State(layer(x, styles[entry.name], noise[entry.name]), image)
        if image.shape[2:] != x.shape[2:]:  # equal in the first block
            image = upsample(image, self.taps)
        return State(x, layer(x, styles[entry.name]) + image)

    def rerender_torgb(self, entry: StyleEntry, x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The change of the image [N, img_channels, H, W] with the styles [N or 1, C_i] of a toRGB layer.

        It is exact, as the image is linear in them.
        """
        torgb = self.get_submodule(entry.name)
        gain = torgb(x, after) - torgb(x, before)
        while tuple(gain.shape[2:]) != self.image_size:
            gain = upsample(gain, self.taps)
        return gain

    def styles(self, ws: Tensor) -> Tensor:
        """W+ [N, num_ws, w_dim] -> S [N, C]: the affine layer of every convolution, in execution order."""
        affines = (self.get_submodule(f"{entry.name}.affine") for entry in self.layout.entries)
        parts = [affine(ws[:, entry.ws_index]) for affine, entry in zip(affines, self.layout.entries, strict=True)]
        return torch.cat(parts, dim=1)

    def noise_inputs(self, batch: int, mode: Noise, seeds: Sequence[int] | None = None) -> NoiseInputs:
        """The noise of every convolution."""
        if mode == "random" and seeds is not None and len(seeds) != batch:
            raise UsageError(f"{batch} images need {batch} noise seeds, got {len(seeds)}")
        sources = [torch.Generator().manual_seed(seed) for seed in seeds or ()]
        inputs: NoiseInputs = {}
        for entry in self.layout.entries:
            if not entry.is_torgb:
                const = self.get_buffer(f"{entry.name}.noise_const")
                inputs[entry.name] = _noise(const, mode, batch, sources)
        return inputs


class Block(nn.Module):
    """The layers of one resolution: conv0 (upsampling; the learned constant in its place in b4), conv1 and toRGB."""

    def __init__(
        self, before: int, width: int, size: ImageSize, w_dim: int, clamp: float | None, img_channels: int
    ) -> None:
        super().__init__()
        if before:
            self.conv0 = StyledConv(before, width, w_dim, size, up=True, clamp=clamp)
        else:
            self.const = nn.Parameter(normal(width, *size))
        self.conv1 = StyledConv(width, width, w_dim, size, clamp=clamp)
        self.torgb = ToRGB(width, img_channels, w_dim, clamp)


def _noise(const: Tensor, mode: Noise, batch: int, sources: list[torch.Generator]) -> Tensor | None:
    if mode == "none":
        return None
    if mode == "const":
        return const[None, None]
    if not sources:
        return torch.randn(batch, 1, *const.shape, device=const.device).to(const.dtype)
    return torch.stack([torch.randn(1, *const.shape, generator=source) for source in sources]).to(const)
