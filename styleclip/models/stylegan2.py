"""The StyleGAN2 generator (Karras et al. 2020), any resolution and channel schedule.

Parameter names are those of NVIDIA's PyTorch checkpoints, so `synthesis.b64.conv0.weight` means here what it means
there; FIR filters are constants and are not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space, StyleLayout
from styleclip.models.layers import EqualLinear, StyledConv, ToRGB, fir_taps, normal, normalize_2nd_moment, upsample

Noise = Literal["const", "random", "none"]
MAPPING_LR_MUL = 0.01  # how fast the mapping network learned, next to the rest (StyleGAN, appendix C)


@dataclass(frozen=True)
class GeneratorConfig:
    """The numbers of a generator: loaders read those without a default from the shapes of the file's tensors."""

    z_dim: int
    w_dim: int
    mapping_widths: tuple[int, ...]  # output width of each fully connected layer; the last equals w_dim
    channels: dict[int, int]  # resolution -> channels, from 4 upwards, e.g. {4: 512, ..., 1024: 32}
    conv_clamp: float | None = None  # bounds of the activations
    mapping_lr_mul: float = MAPPING_LR_MUL

    @property
    def resolution(self) -> int:
        return max(self.channels)


class Generator(nn.Module):
    """`generator(latent) -> image [N, 3, H, W]` in about [-1, 1], from a latent of any space.

    `layout` cuts style space, `num_ws` counts the vectors of W+, `w_avg` [w_dim] is the centre of W.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.layout = StyleLayout.from_channels(config.channels)
        self.mapping = Mapping(config.z_dim, config.mapping_widths, config.mapping_lr_mul)
        self.synthesis = Synthesis(config)

    @property
    def resolution(self) -> int:
        return self.config.resolution

    @property
    def num_ws(self) -> int:
        return self.layout.num_ws

    @property
    def w_avg(self) -> Tensor:
        return self.mapping.w_avg

    def forward(self, latent: Latent, noise: Noise = "const", seeds: Sequence[int] | None = None) -> Tensor:
        """Render a latent of any space.

        `noise="const"` uses the buffers of the checkpoint, `"random"` draws fresh noise (one seed per sample when
        `seeds` are given, so an image does not depend on its batch), `"none"` leaves it out.
        """
        return self.pyramid(latent, noise, seeds)[-1]

    def pyramid(self, latent: Latent, noise: Noise = "const", seeds: Sequence[int] | None = None) -> list[Tensor]:
        """The skip image after every block: [N, 3, 4, 4], [N, 3, 8, 8], ..., [N, 3, R, R]."""
        styles = self.to_space(latent, Space.S).data
        inputs = self.synthesis.noise_inputs(len(styles), noise, seeds)
        return self.synthesis(self.layout.split(styles), inputs)

    def map(self, z: Tensor) -> Tensor:
        """z [N, z_dim] -> w [N, w_dim]."""
        return self.mapping(z)

    def to_space(self, latent: Latent, space: Space) -> Latent:
        """Walk the ladder Z -> W -> W+ -> S down to `space`; SpaceError for a step upward or a foreign latent."""
        self._check_shape(latent)
        ladder = list(Space)
        start, stop = ladder.index(latent.space), ladder.index(space)
        if start > stop:
            raise SpaceError(f"a latent in {latent.space.value} cannot be taken back to {space.value}")
        steps = (self.map, self._broadcast, self.synthesis.styles)
        data = latent.data
        for step in steps[start:stop]:
            data = step(data)
        return Latent(space, data)

    def truncate(self, latent: Latent, psi: float, cutoff: int | None = None) -> Latent:
        """`w_avg + psi * (w - w_avg)`, on the first `cutoff` vectors of W+ only when given (StyleGAN, appendix B).

        Z is mapped to W first; with a `cutoff` the result is in W+.
        """
        if latent.space is Space.S:
            raise SpaceError("truncation works in w or w+, this latent is in s; truncate before taking it to s")
        if latent.space is Space.Z or cutoff is not None:
            latent = self.to_space(latent, Space.W if cutoff is None else Space.W_PLUS)
        pulled = self.w_avg.lerp(latent.data, psi)
        if cutoff is not None:
            pulled = torch.cat([pulled[:, :cutoff], latent.data[:, cutoff:]], dim=1)
        return Latent(latent.space, pulled)

    def _check_shape(self, latent: Latent) -> None:
        shapes = {
            Space.Z: (self.config.z_dim,),
            Space.W: (self.config.w_dim,),
            Space.W_PLUS: (self.num_ws, self.config.w_dim),
            Space.S: (self.layout.size,),
        }
        own, found = list(shapes[latent.space]), list(latent.data.shape[1:])
        if own != found:
            name = latent.space.value
            raise SpaceError(f"this generator's {name} has shape {own}, the latent's {found}; pass one made for it")

    def _broadcast(self, w: Tensor) -> Tensor:  # [N, w_dim] -> [N, num_ws, w_dim]
        return w[:, None].expand(-1, self.num_ws, -1)


class Mapping(nn.Module):
    """The mapping network f: z -> w, fully connected layers that learn slowly (StyleGAN, section 2)."""

    w_avg: Tensor

    def __init__(self, z_dim: int, widths: Sequence[int], lr_mul: float = MAPPING_LR_MUL) -> None:
        super().__init__()
        sizes = (z_dim, *widths)
        self.num_layers = len(widths)
        for i in range(self.num_layers):
            self.add_module(f"fc{i}", EqualLinear(sizes[i], sizes[i + 1], lr_mul=lr_mul, activate=True))
        self.register_buffer("w_avg", torch.zeros(sizes[-1]))

    def forward(self, z: Tensor) -> Tensor:  # [N, z_dim] -> [N, w_dim]
        x = normalize_2nd_moment(z.float())
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x


class Synthesis(nn.Module):
    """The synthesis network g: styles -> image, with RGB skip connections (StyleGAN2, figure 7b)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.layout = StyleLayout.from_channels(config.channels)
        self.resolutions = tuple(config.channels)
        before = 0
        for resolution, width in config.channels.items():
            self.add_module(f"b{resolution}", Block(before, width, resolution, config.w_dim, config.conv_clamp))
            before = width

    def forward(self, styles: dict[str, Tensor], noise: dict[str, Tensor | None]) -> list[Tensor]:
        """The styles and noise of every layer, by name -> the skip image after every block."""
        batch = len(next(iter(styles.values())))
        x, image, images = None, None, []
        for resolution in self.resolutions:
            x, image = self.get_submodule(f"b{resolution}")(x, image, styles, noise, batch)
            images.append(image)
        return images

    def styles(self, ws: Tensor) -> Tensor:
        """W+ [N, num_ws, w_dim] -> S [N, C]: the affine layer of every convolution, in execution order."""
        affines = (self.get_submodule(f"{entry.name}.affine") for entry in self.layout.entries)
        parts = [affine(ws[:, entry.ws_index]) for affine, entry in zip(affines, self.layout.entries, strict=True)]
        return torch.cat(parts, dim=1)

    def noise_inputs(self, batch: int, mode: Noise, seeds: Sequence[int] | None) -> dict[str, Tensor | None]:
        """The noise of every convolution by name: [1 or N, 1, R, R], or None where there is none."""
        if mode == "random" and seeds is not None and len(seeds) != batch:
            raise UsageError(f"{batch} images need {batch} noise seeds, got {len(seeds)}")
        sources = [torch.Generator().manual_seed(seed) for seed in seeds or ()]
        inputs: dict[str, Tensor | None] = {}
        for entry in self.layout.entries:
            if not entry.is_torgb:
                const = self.get_buffer(f"{entry.name}.noise_const")
                inputs[entry.name] = _noise(const, mode, batch, sources)
        return inputs


class Block(nn.Module):
    """One resolution: conv0 (upsampling, absent at 4x4), conv1 and toRGB added to the upsampled skip image."""

    taps: Tensor

    def __init__(self, before: int, width: int, resolution: int, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.name = f"b{resolution}"
        if before:
            self.conv0 = StyledConv(before, width, w_dim, resolution, up=True, clamp=clamp)
        else:
            self.const = nn.Parameter(normal(width, resolution, resolution))
        self.conv1 = StyledConv(width, width, w_dim, resolution, clamp=clamp)
        self.torgb = ToRGB(width, 3, w_dim, clamp)
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(
        self,
        x: Tensor | None,
        image: Tensor | None,
        styles: dict[str, Tensor],
        noise: dict[str, Tensor | None],
        batch: int,
    ) -> tuple[Tensor, Tensor]:
        conv0, conv1, torgb = (f"{self.name}.{layer}" for layer in ("conv0", "conv1", "torgb"))
        if x is None:
            x = self.const.expand(batch, -1, -1, -1)
        else:
            x = self.conv0(x, styles[conv0], noise[conv0])
        x = self.conv1(x, styles[conv1], noise[conv1])
        rgb = self.torgb(x, styles[torgb])
        return x, rgb if image is None else rgb + upsample(image, self.taps)


def _noise(const: Tensor, mode: Noise, batch: int, sources: list[torch.Generator]) -> Tensor | None:
    if mode == "none":
        return None
    if mode == "const":
        return const[None, None]
    if not sources:
        return torch.randn(batch, 1, *const.shape, device=const.device)
    return torch.stack([torch.randn(1, *const.shape, generator=source) for source in sources]).to(const.device)
