"""The layers of StyleGAN3 (Karras et al. 2021): Fourier features, filtered convolutions, toRGB."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cuda_ops import filtered_lrelu
from styleclip.errors import UsageError
from styleclip.networks.layers import EqualLinear, ModulatedConv, ToRGB, modulate, normal
from styleclip.networks.lowpass_filters import lowpass_filter
from styleclip.networks.stylegan3_schedule import Band, LayerShape

MIN_NORM = 1e-12  # of a rotation in the input's styles


class FourierInput(nn.Module):
    """The input: sines of the position, mixed by a matrix (StyleGAN3, appendix F).

    w rotates and shifts it through `affine`, and so does the user's `transform`, the inverse of what happens to the
    picture.
    """

    freqs: Tensor  # [C, 2] in cycles per image
    phases: Tensor  # [C] in cycles
    transform: Tensor  # [3, 3], applied to positions

    def __init__(self, channels: int, band: Band, w_dim: int) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = band.size, band.rate, band.cutoff
        self.weight = nn.Parameter(normal(channels, channels))
        self.affine = EqualLinear(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias = nn.Parameter(torch.tensor([1.0, 0.0, 0.0, 0.0], device=self.affine.bias.device))
        freqs = normal(channels, 2)
        norm = freqs.norm(dim=1, keepdim=True)
        self.register_buffer("freqs", freqs / (norm * norm.square().exp().pow(0.25)) * self.bandwidth)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))

    def move(self, translate: tuple[float, float], degrees: float) -> None:
        """Rotate the picture about its centre, counter-clockwise, and then shift it by image widths (right, down).

        Raises UsageError for numbers that are not finite.
        """
        if not all(map(math.isfinite, (*translate, degrees))):
            raise UsageError("a translation and a rotation must be numbers; pass finite ones")
        angle = math.radians(degrees)
        cosine, sine, (x, y) = math.cos(angle), math.sin(angle), translate
        matrix = [[cosine, sine, x], [-sine, cosine, y], [0.0, 0.0, 1.0]]
        self.transform.copy_(torch.tensor(matrix, dtype=torch.float64).inverse())

    def forward(self, styles: Tensor) -> Tensor:  # [N, 4] -> [N, C, size, size]
        styles = styles / styles[:, :2].norm(dim=1, keepdim=True).clamp_min(MIN_NORM)
        cosine, sine, x, y = styles.unbind(dim=1)
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        rotation = _matrices((cosine, -sine, zero), (sine, cosine, zero), (zero, zero, one))
        translation = _matrices((one, zero, -x), (zero, one, -y), (zero, zero, one))
        transform = rotation @ translation @ self.transform.to(styles)  # [N, 3, 3]
        phases = self.phases + (self.freqs @ transform[:, :2, 2:]).squeeze(2)  # [N, C]
        freqs = self.freqs @ transform[:, :2, :2]  # [N, C, 2]
        nyquist = self.rate / 2
        amplitudes = (1 - (freqs.norm(dim=2) - self.bandwidth) / (nyquist - self.bandwidth)).clamp(0, 1)
        position = (torch.arange(self.size, device=styles.device, dtype=styles.dtype) + 0.5) * 2 / self.size - 1
        position = position * (0.5 * self.size / self.rate)  # px centres, in image widths
        columns, rows = (freqs[:, :, axis, None] * position for axis in (0, 1))  # [N, C, size]
        angles = columns[:, :, None, :] + (rows + phases[:, :, None])[:, :, :, None]
        features = torch.sin(2 * math.pi * angles) * amplitudes[:, :, None, None]
        weight = self.weight / math.sqrt(self.weight.shape[1])
        mixed = (weight @ features.flatten(2)).view_as(features)
        return mixed.contiguous(memory_format=torch.channels_last)  # the fastest for all layers


class FilteredConv(ModulatedConv):
    """Modulated convolution, bias, and leaky ReLU between low-pass filters: one layer (StyleGAN3, figure 4b).

    As in StyleGAN2 the styles scale the input and the demodulation scales the output. The weight is normalised by its
    filters' r.m.s., the styles by theirs; both go with the scale of the output. `magnitude_ema` is the mean square of
    the layer's input over the training, by which it is divided.
    """

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, shape: LayerShape, w_dim: int, radial: bool, clamp: float | None) -> None:
        super().__init__(shape.in_channels, shape.out_channels, shape.kernel)
        self.affine = EqualLinear(w_dim, shape.in_channels, bias=1.0)
        self.shape, self.clamp = shape, clamp
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.register_buffer("up_filter", up_filter(shape))
        self.register_buffer("down_filter", down_filter(shape, radial))

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """x [N or 1, in, H, W], styles [N, in] -> [N, out, h, w] in the weight's precision."""
        styles = styles * torch.rsqrt(styles.square().mean(dim=1, keepdim=True))
        scale = self.output_scale(styles).to(self.weight)
        x = modulate(x.to(self.weight), styles.to(self.weight))
        x = F.conv2d(x, self.weight, padding=self.weight.shape[-1] - 1)
        return filtered_lrelu(
            x,
            self.bias,
            scale,
            self.up_filter,
            self.down_filter,
            self.shape.up,
            self.shape.down,
            self.shape.padding,
            clamp=self.clamp,
        )

    def output_scale(self, styles: Tensor) -> Tensor:
        """Demodulation, and the division by the r.m.s. of the weight and of the input: [N, in] -> [N, out]."""
        sums = self.weight_square_sums()  # [out, in]
        mean_squares = sums.mean(dim=1) / self.weight.shape[-1] ** 2  # [out]
        demodulation = torch.rsqrt(styles.square() @ (sums / mean_squares[:, None]).T + 1e-8)
        return demodulation * torch.rsqrt(mean_squares * self.magnitude_ema)


class ScaledToRGB(ToRGB):
    """toRGB of StyleGAN3: as StyleGAN2's, with the input divided by its r.m.s. over the training."""

    magnitude_ema: Tensor

    def __init__(self, in_channels: int, out_channels: int, w_dim: int, clamp: float | None = None) -> None:
        super().__init__(in_channels, out_channels, w_dim, clamp)
        self.register_buffer("magnitude_ema", torch.ones([]))

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:  # [N or 1, C, H, W], [N, C] -> [N, out, H, W]
        return super().forward(x, styles * torch.rsqrt(self.magnitude_ema))


def up_filter(shape: LayerShape) -> Tensor | None:
    """The filter of the upsampling of a layer: [taps], None where there is none."""
    return lowpass_filter(shape.up_taps, shape.source.cutoff, shape.source.half_width, shape.middle_rate)


def down_filter(shape: LayerShape, radial: bool) -> Tensor | None:
    """The filter of the downsampling: [taps], or [taps, taps] where it is `radial`, which critical layers' are not."""
    target, radial = shape.target, radial and not shape.is_critical
    return lowpass_filter(shape.down_taps, target.cutoff, target.half_width, shape.middle_rate, radial)


def _matrices(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """[N, 3, 3] from three rows of entries [N]."""
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
