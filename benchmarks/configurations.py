"""The configurations of networks with random weights."""

from __future__ import annotations

from typing import Literal

from styleclip.networks.generator_config import GeneratorConfig
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.networks.stylegan3_schedule import bands, channel_counts

Networks = Literal["config-f", "stylegan3-t", "stylegan3-r", "small"]
CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}  # of config-f
SMALL = StyleGAN2Config(z_dim=16, w_dim=16, mapping_widths=(16, 16), channels={4: 8, 8: 8, 16: 8, 32: 8})
SMALL_CLIP = {
    "name": "small",
    "model": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 224, "patch_size": 32, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 16, "width": 16, "heads": 1, "layers": 1},
    },
    "tokens": [],
    "vocabulary": [],
}


def generator_config(networks: Networks, resolution: int) -> GeneratorConfig:
    if networks in ("stylegan3-t", "stylegan3-r"):
        return stylegan3_config(resolution, radial=networks == "stylegan3-r")
    return SMALL if networks == "small" else config_f(resolution)


def config_f(resolution: int) -> StyleGAN2Config:
    """The configuration config-f of StyleGAN2, up to this resolution."""
    channels = {side: width for side, width in CHANNELS.items() if side <= resolution}
    return StyleGAN2Config(z_dim=512, w_dim=512, mapping_widths=(512,) * 8, channels=channels)


def stylegan3_config(resolution: int, radial: bool) -> StyleGAN3Config:
    """The configuration R of StyleGAN3 where it is `radial`, else T, as published."""
    factor = 2 if radial else 1
    channels = channel_counts(bands(resolution, 14), base=32768 * factor, most=512 * factor)
    return StyleGAN3Config(512, 512, (512, 512), resolution, channels, kernel=1 if radial else 3, radial=radial)
