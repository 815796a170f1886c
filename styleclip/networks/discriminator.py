"""The StyleGAN2 discriminator (Karras et al. 2020), residual architecture, any resolution and channel schedule.

Parameter names are those of NVIDIA's PyTorch checkpoints: `b64.fromrgb`, `b64.conv0`, `b64.conv1`, `b64.skip`, ...,
`b4.conv`, `b4.fc`, `b4.out`.
"""

import math

import torch
from torch import Tensor, nn

from styleclip.errors import UsageError
from styleclip.networks.layers import EqualConv2d, EqualLinear

LAST_PIXELS = 16  # of the last block, 4 x 4


class Discriminator(nn.Module):
    """`discriminator(image) -> logits [N, 1]`: residual blocks down to 4x4, then an epilogue (StyleGAN2, figure 7c).

    `channels` maps every resolution from 4 upwards to its channels, as in `StyleGAN2Config`. `mbstd_group_size=None`
    makes the whole batch one group; `conv_clamp` bounds the output of every convolution with an activation.
    `img_channels` are those of the image, `last_pixels` the pixels of the last block, 4 x 4 for square images.
    """

    def __init__(
        self,
        channels: dict[int, int],
        mbstd_group_size: int | None = 4,
        conv_clamp: float | None = None,
        img_channels: int = 3,
        last_pixels: int = LAST_PIXELS,
    ) -> None:
        super().__init__()
        self.channels = dict(channels)
        self.resolutions = tuple(sorted(channels, reverse=True))[:-1]  # R, ..., 8
        for resolution in self.resolutions:
            image = img_channels if resolution == max(channels) else None
            block = ResidualBlock(channels[resolution], channels[resolution // 2], image, conv_clamp)
            self.add_module(f"b{resolution}", block)
        self.b4 = Epilogue(channels[4], mbstd_group_size, conv_clamp, last_pixels)

    def forward(self, image: Tensor) -> Tensor:  # [N, img_channels, H, W] -> [N, 1]
        x = image
        for resolution in self.resolutions:
            x = self.get_submodule(f"b{resolution}")(x)
        logits: Tensor = self.b4(x)
        return logits


class ResidualBlock(nn.Module):
    """One halving of the resolution: two convolutions beside a linear skip.

    The first block also reads an image of `img_channels`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, img_channels: int | None = None, conv_clamp: float | None = None
    ) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.fromrgb = EqualConv2d(img_channels, in_channels, kernel=1) if img_channels else None
        self.conv0 = EqualConv2d(in_channels, in_channels, kernel=3)
        self.conv1 = EqualConv2d(in_channels, out_channels, kernel=3, down=True)
        self.skip = EqualConv2d(in_channels, out_channels, kernel=1, down=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [N, in or img_channels, H, W] -> [N, out, H/2, W/2]
        if self.fromrgb is not None:
            x = clamp(self.fromrgb(x), self.conv_clamp)
        y = clamp(self.conv0(x), self.conv_clamp)
        y = clamp(self.conv1(y), self.conv_clamp) + self.skip(x)
        return y / math.sqrt(2)


class Epilogue(nn.Module):
    """The 4x4 end: minibatch standard deviation, one convolution, two fully connected layers."""

    def __init__(
        self,
        channels: int,
        mbstd_group_size: int | None,
        conv_clamp: float | None = None,
        last_pixels: int = LAST_PIXELS,
    ) -> None:
        super().__init__()
        self.mbstd_group_size, self.conv_clamp = mbstd_group_size, conv_clamp
        self.conv = EqualConv2d(channels + 1, channels, kernel=3)
        self.fc = EqualLinear(last_pixels * channels, channels, activate=True)
        self.out = EqualLinear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # [N, C, 4, 4] -> [N, 1]
        x = clamp(self.conv(minibatch_stddev(x, self.mbstd_group_size)), self.conv_clamp)
        logits: Tensor = self.out(self.fc(x.flatten(1)))
        return logits


def minibatch_stddev(x: Tensor, group_size: int | None) -> Tensor:
    """Append the mean standard deviation over a group as a channel (Karras et al. 2018, section 3).

    Samples n, n + N/G, n + 2N/G, ... form a group of G = min(group_size, N), or of all N without a
    group size: [N, C, H, W] -> [N, C + 1, H, W].
    """
    n, c, h, w = x.shape
    group = min(group_size or n, n)
    if n % group:
        raise UsageError(f"a batch of {n} does not divide into groups of {group}; use a multiple of {group}")
    groups = x.reshape(group, n // group, c, h, w)
    deviation = torch.sqrt(groups.var(dim=0, correction=0) + 1e-8)  # [N/G, C, H, W]
    statistic = deviation.mean(dim=(1, 2, 3)).repeat(group)  # [N]
    return torch.cat([x, statistic[:, None, None, None].expand(-1, 1, h, w)], dim=1)


def clamp(x: Tensor, bound: float | None) -> Tensor:
    """Clamp to [-bound, bound] against overflow in half precision (NVIDIA's `conv_clamp`); None does nothing."""
    return x if bound is None else x.clamp(-bound, bound)


class LatentDiscriminator(nn.Sequential):
    """Discriminates w of the mapping network from w of an encoder (e4e, section 5.2): [M, w_dim] -> logits [M, 1]."""

    def __init__(self, w_dim: int, layers: int = 4) -> None:
        hidden = (EqualLinear(w_dim, w_dim, activate=True) for _ in range(layers - 1))
        super().__init__(*hidden, EqualLinear(w_dim, 1))
