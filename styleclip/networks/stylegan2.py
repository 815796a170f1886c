"""The StyleGAN2 generator (Karras et al. 2020), any resolution and channel schedule.

Parameter names are those of NVIDIA's PyTorch checkpoints, so `synthesis.b64.conv0.weight` means here what it means
there; FIR filters are constants and are not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space, StyleEntry, StyleLayout
from styleclip.networks.layers import EqualLinear, StyledConv, ToRGB, fir_taps, normal, normalize_2nd_moment, upsample

Noise = Literal["const", "random", "none"]
Styles = dict[str, Tensor]  # of every layer, by name: [N, C_i]
NoiseInputs = dict[str, Tensor | None]  # of every convolution, by name: [N or 1, 1, R, R], None without noise
FULL_PRECISION = 32  # px up to which `Generator.to_mixed_precision` changes nothing
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
        self.precision = torch.float32  # of most of the work: `to_mixed_precision`

    @property
    def resolution(self) -> int:
        return self.config.resolution

    @property
    def num_ws(self) -> int:
        return self.layout.num_ws

    @property
    def w_avg(self) -> Tensor:
        return self.mapping.w_avg

    def freeze(self) -> Generator:
        """Stop learning for good, so that what follows from the weights alone is computed once. Returns itself."""
        self.eval().requires_grad_(False)
        for layer in self.synthesis.modules():
            if isinstance(layer, StyledConv):
                layer.freeze()
        return self

    def to_mixed_precision(self, dtype: torch.dtype, above: int = FULL_PRECISION) -> Generator:
        """Convolve in `dtype` where pictures are larger than `above` px, and there is most of the work.

        Latents, styles, demodulation and the sum of the skip images stay in float32. bfloat16 has its range, so nothing
        is normalised before (as float16 needs; Karras et al. 2020b, appendix). Returns itself.
        """
        self.precision = dtype
        for entry in self.layout.entries:
            layer = self.synthesis.get_submodule(entry.name)
            if entry.resolution > above and isinstance(layer, StyledConv):
                layer.to_mixed_precision(dtype)
        return self

    def forward(
        self,
        latent: Latent,
        noise: Noise = "const",
        seeds: Sequence[int] | None = None,
        resolution: int | None = None,
    ) -> Tensor:
        """Render a latent of any space.

        `noise="const"` uses the buffers of the checkpoint, `"random"` draws fresh noise (one seed per sample when
        `seeds` are given, so an image does not depend on its batch), `"none"` leaves it out. A smaller `resolution`
        gives the skip image of that block, a preview without the finest details, and runs no block behind it.
        """
        return self.pyramid(latent, noise, seeds, resolution)[-1]

    def pyramid(
        self,
        latent: Latent,
        noise: Noise = "const",
        seeds: Sequence[int] | None = None,
        resolution: int | None = None,
    ) -> list[Tensor]:
        """The skip image after every block up to `resolution`: [N, 3, 4, 4], [N, 3, 8, 8], ..., [N, 3, R, R]."""
        if resolution is not None and resolution not in self.config.channels:
            raise UsageError(f"this generator has no block of {resolution} px; choose one of {[*self.config.channels]}")
        styles = self.to_space(latent, Space.S).data
        inputs = self.synthesis.noise_inputs(len(styles), noise, seeds)
        return self.synthesis(self.layout.split(styles), inputs, resolution)

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
        x = normalize_2nd_moment(z.float()).to(self.w_avg.dtype)
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x


class State(NamedTuple):
    """What the layers so far have made of a batch, or of one picture that a batch is to share."""

    x: Tensor  # [N or 1, C, R, R]
    image: Tensor  # the skip image [N or 1, 3, R, R]; at half the size until toRGB has run


class Synthesis(nn.Module):
    """The synthesis network g: styles -> image, with RGB skip connections (StyleGAN2, figure 7b).

    Its layers run one after the other in the order of `layout.entries`, so a run can stop before any of them, and many
    pictures that differ only from there on can go on from one state.
    """

    taps: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.layout = StyleLayout.from_channels(config.channels)
        self.resolutions = tuple(config.channels)
        before = 0
        for resolution, width in config.channels.items():
            self.add_module(f"b{resolution}", Block(before, width, resolution, config.w_dim, config.conv_clamp))
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
        """The learned constant and a grey picture, before the first layer."""
        side = self.resolutions[0]
        const = self.get_parameter(f"b{side}.const")
        return State(const.expand(batch, -1, -1, -1), const.new_zeros(batch, 3, side // 2, side // 2))

    def run(self, entries: Iterable[StyleEntry], state: State, styles: Styles, noise: NoiseInputs) -> State:
        """The state after these layers, which follow on `state`."""
        for entry in entries:
            state = self.step(entry, state, styles, noise)
        return state

    def step(self, entry: StyleEntry, state: State, styles: Styles, noise: NoiseInputs) -> State:
        """The state after one more layer: a convolution makes new features, toRGB adds to the upsampled skip image."""
        layer, (x, image) = self.get_submodule(entry.name), state
        if not entry.is_torgb:
            return State(layer(x, styles[entry.name], noise[entry.name]), image)
        return State(x, layer(x, styles[entry.name]) + upsample(image, self.taps))

    def rerender_torgb(self, entry: StyleEntry, x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """What the picture gains [N, 3, R, R] when a toRGB layer's styles [N or 1, C_i] change: only sums follow."""
        torgb = self.get_submodule(entry.name)
        gain = torgb(x, after) - torgb(x, before)
        while gain.shape[-1] < self.resolutions[-1]:
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
    """The layers of one resolution: conv0 (upsampling; the learned constant in its place at 4x4), conv1 and toRGB."""

    def __init__(self, before: int, width: int, resolution: int, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        if before:
            self.conv0 = StyledConv(before, width, w_dim, resolution, up=True, clamp=clamp)
        else:
            self.const = nn.Parameter(normal(width, resolution, resolution))
        self.conv1 = StyledConv(width, width, w_dim, resolution, clamp=clamp)
        self.torgb = ToRGB(width, 3, w_dim, clamp)


def _noise(const: Tensor, mode: Noise, batch: int, sources: list[torch.Generator]) -> Tensor | None:
    if mode == "none":
        return None
    if mode == "const":
        return const[None, None]
    if not sources:
        return torch.randn(batch, 1, *const.shape, device=const.device).to(const.dtype)
    return torch.stack([torch.randn(1, *const.shape, generator=source) for source in sources]).to(const)
