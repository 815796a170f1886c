"""Small random StyleGAN3 generators for fast tests."""

from typing import Literal

import torch

from styleclip.networks.generator import Generator
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.networks.stylegan3_schedule import bands, channel_counts


def tiny_stylegan3_config(
    config: Literal["t", "r"] = "t", resolution: int = 32, width: int = 6, layers: int = 14
) -> StyleGAN3Config:
    channels = channel_counts(bands(resolution, layers), base=16 * width, most=width)
    is_r = config == "r"
    return StyleGAN3Config(12, 8, (10, 8), resolution, channels, kernel=1 if is_r else 3, radial=is_r)


def tiny_stylegan3(config: Literal["t", "r"] = "t", resolution: int = 32, seed: int = 0, layers: int = 14) -> Generator:
    """A frozen generator: every parameter differs from its initial constant; the global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(tiny_stylegan3_config(config, resolution, layers=layers))
        for name, tensor in generator.state_dict().items():
            if name.endswith(("bias", "w_avg", "input.affine.weight")):
                tensor += 0.3 * torch.randn(tensor.shape)
            elif name.endswith("magnitude_ema"):
                tensor *= torch.rand([]) + 0.5
    return generator.freeze()
