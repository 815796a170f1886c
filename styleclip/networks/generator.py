"""The generator: a mapping network, z -> w, and a synthesis network of StyleGAN2 or StyleGAN3, w -> image.

Parameter names are those of NVIDIA's PyTorch checkpoints, e.g. `mapping.fc0.weight`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.networks.generator_config import MAPPING_LR_MUL, GeneratorConfig, GrownFrom
from styleclip.networks.layers import EqualLinear, normalize_2nd_moment
from styleclip.networks.synthesis import ImageSize, Noise
from styleclip.runtime.image_by_image import each_image, splits

FULL_PRECISION_PX = 32  # resolution up to which mixed precision keeps float32


class Generator(nn.Module):
    """`generator(latent) -> image [N, img_channels, H, W]` in about [-1, 1], from a latent of any space.

    `layout` names the layers of style space, `num_ws` is the number of vectors of W+, `w_avg` [w_dim] the mean of W.
    `image_size` is (H, W). `img_channels` is 1, 2, 3 or 4, of which the 2nd or 4th is alpha; `images.to_rgb` makes RGB
    of all of them. `grown_from` is the smaller generator that it was grown from, if any.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config.z_dim, config.mapping_widths, config.mapping_lr_mul)
        self.synthesis = config.build_synthesis()
        self.layout = self.synthesis.layout
        self.precision = torch.float32  # of the larger blocks, see `to_mixed_precision`
        self.grown_from: GrownFrom | None = None

    @property
    def resolution(self) -> int:
        return self.config.resolution

    @property
    def image_size(self) -> ImageSize:
        return self.config.image_size

    @property
    def img_channels(self) -> int:
        return self.config.img_channels

    @property
    def num_ws(self) -> int:
        return self.layout.num_ws

    @property
    def row_counts(self) -> tuple[int, ...]:
        """The numbers of rows that W+ has in files: `num_ws`, and that of the generator that it was grown from."""
        return (self.num_ws, *([self.grown_from.num_ws] if self.grown_from else []))

    def add_style_channels(self, styles: Tensor) -> Tensor:
        """Changes of S [..., C] of the generator that this one was grown from, with zeros for the added channels.

        A tensor of another shape is returned as it is.
        """
        small = self.grown_from and self.layout.size_of_rows(self.grown_from.num_ws)
        return F.pad(styles, (0, self.layout.size - small)) if styles.shape[-1] == small else styles

    @property
    def w_avg(self) -> Tensor:
        return self.mapping.w_avg

    def freeze(self) -> Generator:
        """Switch to eval mode, disable gradients and cache values that depend only on the weights. Returns itself."""
        self.eval().requires_grad_(False)
        self.synthesis.freeze()
        return self

    def to_mixed_precision(self, dtype: torch.dtype, above: int = FULL_PRECISION_PX) -> Generator:
        """Convolve in `dtype` in blocks (StyleGAN3: layers) above `above` px, which take most of the time.

        Latents, styles, demodulation and the image stay in float32. bfloat16 has the range of
        float32, so styles are not normalised (which float16 needs; Karras et al. 2020b, appendix). Returns itself.
        """
        self.precision = dtype
        self.synthesis.to_mixed_precision(dtype, above)
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
        `seeds` are given, so an image does not depend on its batch), `"none"` leaves it out; a StyleGAN3 has none. A
        smaller `resolution` gives the skip image of that block, a preview without the finest details; later blocks are
        not run. A StyleGAN3 draws its full size only.
        """
        return self.pyramid(latent, noise, seeds, resolution)[-1]

    def pyramid(
        self,
        latent: Latent,
        noise: Noise = "const",
        seeds: Sequence[int] | None = None,
        resolution: int | None = None,
    ) -> list[Tensor]:
        """The skip image after every block up to `resolution`: [N, 3, 4, 4] to [N, 3, H, W] for RGB.

        Of a StyleGAN3 the image alone.
        """
        if resolution is not None and resolution not in self.config.resolutions:
            known = ", ".join(map(str, self.config.resolutions))
            raise UsageError(f"this generator has no block of {resolution} px; choose one of {known}")
        if splits(latent.data) and len(seeds or latent) == len(latent):
            rows = range(len(latent))
            each = [self.pyramid(latent[i], noise, seeds and [seeds[i]], resolution) for i in rows]
            return [torch.cat(images) for images in zip(*each, strict=True)]
        styles = self.to_space(latent, Space.S).data
        inputs = self.synthesis.noise_inputs(len(styles), noise, seeds)
        return self.synthesis(self.layout.split(styles), inputs, resolution)

    def map(self, z: Tensor) -> Tensor:
        """z [N, z_dim] -> w [N, w_dim]."""
        return self.mapping(z)

    def to_space(self, latent: Latent, space: Space) -> Latent:
        """Convert along Z -> W -> W+ -> S; SpaceError in the other direction or for the latent of another generator."""
        self._check_shape(latent)
        spaces = list(Space)
        start, stop = spaces.index(latent.space), spaces.index(space)
        if start > stop:
            raise SpaceError(
                f"a latent in {latent.space.value} cannot be taken back to {space.value}; pass one in an earlier space"
            )
        steps = (self.map, self._broadcast, self.synthesis.styles)
        data = latent.data
        for step in steps[start:stop]:
            data = each_image(step, data)
        return Latent(space, data)

    def truncate(self, latent: Latent, psi: float, cutoff: int | None = None) -> Latent:
        """`w_avg + psi * (w - w_avg)`, with `cutoff` only on the first vectors of W+ (StyleGAN, appendix B).

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
        shape, found = list(shapes[latent.space]), list(latent.data.shape[1:])
        if shape != found:
            name = latent.space.value
            raise SpaceError(f"this generator's {name} has shape {shape}, the latent's {found}; pass one made for it")

    def _broadcast(self, w: Tensor) -> Tensor:  # [N, w_dim] -> [N, num_ws, w_dim]
        return w[:, None].expand(-1, self.num_ws, -1)


class Mapping(nn.Module):
    """The mapping network f: z -> w, fully connected layers with a small `lr_mul` (StyleGAN, section 2)."""

    w_avg: Tensor

    def __init__(self, z_dim: int, widths: Sequence[int], lr_mul: float = MAPPING_LR_MUL) -> None:
        super().__init__()
        sizes = (z_dim, *widths)
        self.num_layers = len(widths)
        for i in range(self.num_layers):
            self.add_module(f"fc{i}", EqualLinear(sizes[i], sizes[i + 1], lr_mul=lr_mul, activate=True))
        self.register_buffer("w_avg", torch.zeros(sizes[-1]))

    def forward(self, z: Tensor) -> Tensor:  # [N, z_dim] -> [N, w_dim]
        return self.layers(normalize_2nd_moment(z.float()).to(self.w_avg.dtype))

    def layers(self, x: Tensor) -> Tensor:
        """Normalised z [N, z_dim] -> w [N, w_dim]."""
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x
