"""The layers of StyleGAN2 (Karras et al. 2020): equalised learning rate, modulation, FIR resampling.

Weights are stored unscaled, as N(0, 1); the scale `1 / sqrt(fan_in)` is applied at run time (Karras et al. 2018,
section 4.1).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cuda_ops import backend, bias_act, blur_act, upfirdn2d
from styleclip.errors import UsageError

FREEZE_BATCH = 64  # filters whose squares are in memory at once in `StyledConv.freeze`
FIR_TAPS = (1 / 8, 3 / 8, 3 / 8, 1 / 8)  # [1, 3, 3, 1], summing to 1


class EqualLinear(nn.Module):
    """`y = x @ W^T * lr_mul / sqrt(in) + b * lr_mul`, then leaky ReLU (0.2, gain sqrt 2) when `activate`."""

    def __init__(
        self, in_features: int, out_features: int, lr_mul: float = 1.0, bias: float = 0.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(out_features, in_features, std=1 / lr_mul))
        self.bias = nn.Parameter(torch.full((out_features,), bias / lr_mul))
        self.lr_mul, self.activate = lr_mul, activate

    def forward(self, x: Tensor) -> Tensor:  # [N, in] -> [N, out]
        scale = self.lr_mul / math.sqrt(self.weight.shape[1])
        y = torch.addmm(self.bias, x, self.weight.T, beta=self.lr_mul, alpha=scale)
        return bias_act(y) if self.activate else y


class EqualConv2d(nn.Module):
    """Plain convolution with equalised learning rate, optional bias and activation, optional FIR downsampling."""

    taps: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        down: bool = False,
        bias: bool = True,
        activate: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.down, self.activate = down, activate
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # [N, in, H, W] -> [N, out, H, W] or [N, out, H/2, W/2]
        kernel = self.weight.shape[-1]
        weight = self.weight / math.sqrt(self.weight[0].numel())
        if self.down:
            pad = (kernel + 1) // 2
            x = upfirdn2d(x, self.taps, padding=(pad, pad))
            x = F.conv2d(x, weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=kernel // 2)
        if self.bias is None:
            return x
        return bias_act(x, self.bias) if self.activate else bias_act(x, self.bias, slope=1, gain=1)


class ModulatedConv(nn.Module):
    """Base of modulated convolutions: weight, bias, and the affine layer that makes the styles, which subclasses add.

    The square sums of a frozen weight, which demodulation needs, are computed once.
    """

    affine: EqualLinear  # w -> styles [N, in]
    square_sums: Tensor | None  # [out, in], of the frozen weight

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("square_sums", None, persistent=False)
        self.frozen: tuple[nn.Parameter, ...] = ()  # the weight that `square_sums` belongs to

    def weight_square_sums(self) -> Tensor:
        """[out, in], with gradients unless the weight is frozen."""
        known = any(weight is self.weight for weight in self.frozen)
        return self.square_sums if known and self.square_sums is not None else weight_square_sums(self.weight)

    def freeze(self) -> None:
        """Disable gradients; cache the square sums of the weight and store it in the fastest memory layout."""
        self.requires_grad_(False)
        # In one memory layout, so that a weight and its copy in a file give the same bits; a few filters at a time.
        sums = [weight_square_sums(filters.contiguous()) for filters in self.weight.split(FREEZE_BATCH)]
        self.square_sums, self.frozen = torch.cat(sums), (self.weight,)
        self.weight.data = self.weight.contiguous(memory_format=torch.channels_last)

    def thaw(self) -> None:
        """Forget the square sums, as before training."""
        self.square_sums, self.frozen = None, ()

    def to_mixed_precision(self, dtype: torch.dtype) -> None:
        """Convolve in `dtype`; the affine layer and the square sums for demodulation stay in float32."""
        for tensor in (self.weight, self.bias):
            tensor.data = tensor.data.to(dtype)


class StyledConv(ModulatedConv):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU: one layer of the synthesis network (StyleGAN2, figure 2d).

    The styles scale the input and the demodulation scales the output (equations 1 and 3 regrouped), so a batch shares
    one weight, and all steps after the convolution are one pass over memory.
    """

    noise_const: Tensor
    taps: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        size: tuple[int, int],  # height, width of the output
        up: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, 3)
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", normal(*size))
        self.affine = EqualLinear(w_dim, in_channels, bias=1.0)
        self.up, self.clamp = up, clamp
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(self, x: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
        """x [N or 1, in, H, W], styles [N, in], noise [N or 1, 1, h, w] -> [N, out, h, w] in the weight's precision."""
        demodulation = self.demodulation(styles).to(self.weight)
        noise = noise if noise is None else noise * self.noise_strength
        x = modulate(x.to(self.weight), styles.to(self.weight))
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)  # [N, out, 2H + 1, 2W + 1]
            return blur_act(x, self.taps, self.bias, demodulation, noise, padding=(1, 1), fir_gain=4, clamp=self.clamp)
        x = F.conv2d(x, self.weight, padding=1)
        return bias_act(x, self.bias, demodulation, noise, clamp=self.clamp)

    def demodulation(self, styles: Tensor) -> Tensor:
        """`1 / sqrt(sum_ik (s_i w_ijk)^2 + 1e-8)` (StyleGAN2, equation 3): [N, in] -> [N, out]."""
        return torch.rsqrt(styles.square() @ self.weight_square_sums().T + 1e-8)

    def freeze(self) -> None:
        super().freeze()
        if self.up:  # transposed convolutions read [in, out, 3, 3]
            weight = self.weight.transpose(0, 1).contiguous(memory_format=torch.channels_last)
            self.weight.data = weight.transpose(0, 1)

    def to_mixed_precision(self, dtype: torch.dtype) -> None:
        super().to_mixed_precision(dtype)
        for tensor in (self.noise_strength, self.noise_const):
            tensor.data = tensor.data.to(dtype)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to the channels of the image, without demodulation, noise or activation."""

    def __init__(self, in_channels: int, out_channels: int, w_dim: int, clamp: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = EqualLinear(w_dim, in_channels, bias=1.0)
        self.clamp = clamp

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:  # [N or 1, C, H, W], [N, C] -> [N, out, H, W]
        """The result has the precision of this layer's weight, the convolution that of `x`."""
        weight, styles = self.weight.to(x), (styles / math.sqrt(self.weight.shape[1])).to(x)
        if len(styles) == 1:  # scaling the weight saves a pass over the features
            rgb = F.conv2d(x, weight * styles[:, :, None, None])
        else:
            rgb = F.conv2d(modulate(x, styles), weight)
        return bias_act(rgb.to(self.weight), self.bias, slope=1, gain=1, clamp=self.clamp)


def modulate(x: Tensor, styles: Tensor) -> Tensor:
    """`s_i x_i` (StyleGAN2, equation 1): [N or 1, C, H, W], [N, C] -> [N, C, H, W]."""
    return bias_act(x.expand(len(styles), -1, -1, -1), scale=styles, slope=1, gain=1)


def weight_square_sums(weight: Tensor) -> Tensor:
    """Sums of squares over the taps of every filter: [O, I, 3, 3] -> [O, I]."""
    return weight.square().sum(dim=(2, 3))


def upsample(image: Tensor, taps: Tensor) -> Tensor:
    """Double the size of the skip image with the FIR filter: [N, img_channels, H, W] -> [N, img_channels, 2H, 2W]."""
    return upfirdn2d(image, taps, up=2, padding=(2, 1), gain=4)


def normal(*shape: int, std: float = 1.0) -> Tensor:
    """Initial weights N(0, std^2); on the meta device an empty tensor, as drawing would take a second."""
    weight = torch.empty(shape)
    return weight if weight.is_meta else weight.normal_(std=std)


def fir_taps() -> Tensor:
    """The [1, 3, 3, 1] low-pass filter. Not in state dicts, as every public checkpoint has this one."""
    return torch.tensor(FIR_TAPS, device="cpu")  # with numbers on the meta device too


def normalize_2nd_moment(x: Tensor) -> Tensor:
    """`x / sqrt(mean(x^2))` along axis 1: the normalisation of z (StyleGAN, Karras et al. 2019)."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def check_ops() -> None:
    """Raise UsageError where STYLECLIP_OPS names no implementation of the ops, or one that does not run here."""
    try:
        backend()
    except (RuntimeError, ValueError) as error:
        remedy = "" if ";" in str(error) else "; set it to one of these, or unset it"
        raise UsageError(f"{error}{remedy}") from error
