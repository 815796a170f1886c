"""The alias-free StyleGAN3 generator (Karras et al. 2021), configurations T and R, any size.

Parameter names are those of NVIDIA's PyTorch checkpoints, e.g. `synthesis.L0_36_512.weight`. Filters, frequencies and
magnitudes are buffers of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from styleclip.latents import StyleEntry, StyleLayout
from styleclip.networks.generator_config import MAPPING_LR_MUL, GeneratorConfig
from styleclip.networks.stylegan3_layers import FilteredConv, FourierInput, ScaledToRGB
from styleclip.networks.stylegan3_schedule import Band, LayerShape, bands, layer_shapes
from styleclip.networks.synthesis import ImageSize, Noise, NoiseInputs, State, Styles, Synthesis

INPUT = "input"  # the name of the first layer
INPUT_STYLES = 4  # cosine and sine of a rotation, and a translation
TRANSFORM = "synthesis.input.transform"  # the user's, which moves the picture


@dataclass(frozen=True)
class StyleGAN3Config(GeneratorConfig):
    """The shape of a StyleGAN3. Loaders take the fields without a default from the shapes of the tensors.

    Args:
        image_resolution: height and width of the image in px, a power of two.
        channels: of the input, and of the output of every layer; the last is `img_channels`.
        kernel: 3 in config T, 1 in config R.
        radial: whether the down filters are radially symmetric, as in config R.
        num_critical: layers at the end with a band up to the Nyquist limit, without toRGB.
        first_cutoff: of the input, in cycles per image.
        first_stopband: of the input.
        last_stopband_rel: the last stopband, relative to the last cutoff.
        margin: px around the feature maps.
        output_scale: of the image.
        filter_size: taps of a filter per factor of resampling.
    """

    z_dim: int
    w_dim: int
    mapping_widths: tuple[int, ...]
    image_resolution: int
    channels: tuple[int, ...]
    kernel: int = 3
    radial: bool = False
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin: int = 10
    output_scale: float = 0.25
    filter_size: int = 6
    conv_clamp: float | None = 256.0
    mapping_lr_mul: float = MAPPING_LR_MUL

    @property
    def img_channels(self) -> int:  # type: ignore[override]
        return self.channels[-1]

    @property
    def resolution(self) -> int:
        return self.image_resolution

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The full size alone: no layer before the last makes a picture."""
        return (self.image_resolution,)

    def block_size(self, resolution: int) -> ImageSize:
        return resolution, resolution

    def bands(self) -> list[Band]:
        """Of the input and every layer; that of the input is the first layer's, too."""
        return bands(
            self.image_resolution,
            len(self.channels) - 2,
            self.num_critical,
            self.first_cutoff,
            self.first_stopband,
            self.last_stopband_rel,
            self.margin,
        )

    def layers(self) -> list[LayerShape]:
        return layer_shapes(self.bands(), self.channels, self.kernel, self.num_critical, self.filter_size)

    def layout(self) -> StyleLayout:
        """The rotation and translation of the input, and the styles of every layer; w number i drives layer i."""
        layers = self.layers()
        entries = [StyleEntry(INPUT, layers[0].source.rate, INPUT_STYLES, 0, 0)]
        for i, layer in enumerate(layers):
            start = entries[-1].span.stop
            entries.append(StyleEntry(layer.name, layer.target.rate, layer.in_channels, i + 1, start, layer.is_torgb))
        return StyleLayout(tuple(entries))

    def feature_maps(self, resolution: int) -> list[int]:
        """Numbers in the output of every layer and in half of the upsampled map before it."""
        outputs = [(layer.out_channels, layer.target.size, layer.down) for layer in self.layers()]
        return [channels * size**2 * (1 + down**2) // 2 for channels, size, down in outputs]

    def build_synthesis(self) -> StyleGAN3Synthesis:
        return StyleGAN3Synthesis(self)


class StyleGAN3Synthesis(Synthesis):
    """Fourier features, then filtered layers; the last one is toRGB (StyleGAN3, figure 4b). There is no noise."""

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.layout, self.image_size, self.resolutions = config.layout(), config.image_size, config.resolutions
        self.img_channels, self.output_scale = config.img_channels, config.output_scale
        self.input = FourierInput(config.channels[0], config.bands()[0], config.w_dim)
        for shape in config.layers():
            if shape.is_torgb:
                layer = ScaledToRGB(shape.in_channels, shape.out_channels, config.w_dim, config.conv_clamp)
                self.add_module(shape.name, layer)
            else:
                self.add_module(shape.name, FilteredConv(shape, config.w_dim, config.radial, config.conv_clamp))

    def start(self, batch: int) -> State:
        """Zeros of one pixel: the input makes the first features."""
        zeros = self.input.weight.new_zeros(batch, self.img_channels, 1, 1)
        return State(zeros, zeros)

    def step(self, entry: StyleEntry, state: State, styles: Styles, noise: NoiseInputs) -> State:
        layer, (x, image) = self.get_submodule(entry.name), state
        if isinstance(layer, FourierInput):
            return State(layer(styles[entry.name]), image)
        if entry.is_torgb:
            return State(x, layer(x, styles[entry.name]) * self.output_scale)
        return State(layer(x, styles[entry.name]), image)

    def rerender_torgb(self, entry: StyleEntry, x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The change of the image [N, img_channels, H, W] with the styles [N or 1, C_i] of toRGB."""
        torgb = self.get_submodule(entry.name)
        return (torgb(x, after) - torgb(x, before)) * self.output_scale

    def noise_inputs(self, batch: int, mode: Noise, seeds: Sequence[int] | None = None) -> NoiseInputs:
        """None: this architecture has no noise, whatever the mode."""
        return {}
