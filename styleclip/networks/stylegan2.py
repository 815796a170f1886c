"""The StyleGAN2 generator (Karras et al. 2020), any resolution, channel schedule and shape of the image.

Parameter names are those of NVIDIA's PyTorch checkpoints, e.g. `synthesis.b64.conv0.weight`; FIR filters are constants
and are not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from styleclip.errors import UsageError
from styleclip.latents import StyleEntry, StyleLayout
from styleclip.networks.generator_config import MAPPING_LR_MUL, GeneratorConfig
from styleclip.networks.layers import StyledConv, ToRGB, fir_taps, normal, upsample
from styleclip.networks.synthesis import ImageSize, Noise, NoiseInputs, State, Styles, Synthesis

CONSTANT_SIZE: ImageSize = (4, 4)  # of the published square generators
FIRST_RESOLUTION = 4  # name of the block with the constant, b4


def block_size(constant: ImageSize, resolution: int) -> ImageSize:
    """Height and width in the block called b{resolution}: those of the constant, doubled with every block."""
    factor = resolution // FIRST_RESOLUTION
    return constant[0] * factor, constant[1] * factor


@dataclass(frozen=True)
class StyleGAN2Config(GeneratorConfig):
    """The shape of a StyleGAN2. Loaders take the fields without a default from the shapes of the tensors."""

    z_dim: int
    w_dim: int
    mapping_widths: tuple[int, ...]
    channels: dict[int, int]  # resolution -> channels, from 4 upwards, e.g. {4: 512, ..., 1024: 32}
    conv_clamp: float | None = None
    mapping_lr_mul: float = MAPPING_LR_MUL
    constant: ImageSize = field(default=CONSTANT_SIZE, repr=False)  # height, width of the learned constant
    img_channels: int = field(default=3, repr=False)

    @property
    def resolution(self) -> int:
        """The name of the last block; the height and width of the image where it is square."""
        return max(self.channels)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Of the skip images of all blocks."""
        return tuple(sorted(self.channels))

    def block_size(self, resolution: int) -> ImageSize:
        """Height and width in px of the skip image of the block called b{resolution}."""
        return block_size(self.constant, resolution)

    def layout(self) -> StyleLayout:
        return StyleLayout.from_channels(self.channels)

    def feature_maps(self, resolution: int) -> list[int]:
        """Numbers in the feature map of every block up to b{resolution}."""
        sizes = {block: self.block_size(block) for block in self.channels if block <= resolution}
        return [self.channels[block] * height * width for block, (height, width) in sizes.items()]

    def build_synthesis(self) -> StyleGAN2Synthesis:
        return StyleGAN2Synthesis(self)


class StyleGAN2Synthesis(Synthesis):
    """Styled convolutions with RGB skip connections (StyleGAN2, figure 7b)."""

    taps: Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.layout, self.image_size, self.resolutions = config.layout(), config.image_size, config.resolutions
        self.img_channels = config.img_channels
        before = 0
        for resolution, width in config.channels.items():
            size, clamp = config.block_size(resolution), config.conv_clamp
            self.add_module(f"b{resolution}", Block(before, width, size, config.w_dim, clamp, config.img_channels))
            before = width
        self.register_buffer("taps", fir_taps(), persistent=False)

    def start(self, batch: int) -> State:
        """The learned constant and a grey picture of its size, before the first layer."""
        const = self.get_parameter(f"b{self.resolutions[0]}.const")
        return State(const.expand(batch, -1, -1, -1), const.new_zeros(batch, self.img_channels, *const.shape[1:]))

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
