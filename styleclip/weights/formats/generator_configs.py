"""Configuration and summary of generators and discriminators from the shapes of their tensors."""

from __future__ import annotations

from typing import Any

from styleclip.errors import WeightError
from styleclip.networks.generator_config import MAPPING_LR_MUL, GeneratorConfig
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.synthesis import ImageSize
from styleclip.weights.formats.configs import Tensors, axis_size, check_numbers, name_indices
from styleclip.weights.formats.content import Content

MAX_CONSTANT_PX = 256  # of height and width; published ones have 2 to 16
MAX_IMAGE_PIXELS = 2**26  # 8192 x 8192; published ones have up to 1024 x 1024


def generator_content(
    format: str,
    tensors: Tensors,
    licence: str = "",
    conv_clamp: Any = None,
    mapping_lr_mul: Any = MAPPING_LR_MUL,
    warnings: tuple[str, ...] = (),
) -> Content:
    """A generator from its tensors; `mapping.embed` makes it a conditional one."""
    config = generator_config(tensors, conv_clamp, mapping_lr_mul)
    summary = {
        "resolution": config.resolution,
        **_unusual_image(config),
        "channels": list(config.channels.values()),
        **latent_summary(config, tensors),
    }
    return Content("generator", format, config, tensors, summary=summary, licence=licence, warnings=warnings)


def latent_summary(config: GeneratorConfig, tensors: Tensors) -> dict[str, Any]:
    """Facts for `styleclip models inspect` that generators of every architecture have."""
    layout, embedding = config.layout(), tensors.get("mapping.embed.weight")
    return {
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "num_ws": layout.num_ws,
        "style_channels": layout.size,
        "mapping_layers": len(config.mapping_widths),
        "conv_clamp": config.conv_clamp,
        "classes": 0 if embedding is None else embedding.shape[-1],
    }


def generator_config(tensors: Tensors, conv_clamp: Any = None, mapping_lr_mul: Any = MAPPING_LR_MUL) -> StyleGAN2Config:
    """Resolution, channels, z_dim, w_dim, mapping widths and the shape of the image from the tensors of a generator.

    Raises WeightError for tensors of another network.
    """
    check_numbers(conv_clamp=conv_clamp, mapping_lr_mul=mapping_lr_mul)
    blocks = name_indices(tensors, r"synthesis\.b(\d+)\.")
    if not blocks or not name_indices(tensors, r"mapping\.fc(\d+)\."):
        raise WeightError("it has no tensors named synthesis.b4 and mapping.fc0; pass a StyleGAN2 generator")
    resolutions = [2**k for k in range(2, max(blocks).bit_length())]
    w_dim = axis_size(tensors, "synthesis.b4.conv1.affine.weight", axis=1)
    z_dim, widths = mapping_sizes(tensors, w_dim)
    config = StyleGAN2Config(
        z_dim=z_dim,
        w_dim=w_dim,
        mapping_widths=widths,
        channels={side: axis_size(tensors, f"synthesis.b{side}.conv1.weight", axis=0) for side in resolutions},
        conv_clamp=conv_clamp,
        mapping_lr_mul=mapping_lr_mul,
        constant=_constant_size(tensors),
        img_channels=check_img_channels(axis_size(tensors, "synthesis.b4.torgb.weight", axis=0)),
    )
    height, width = config.image_size
    if height * width > MAX_IMAGE_PIXELS:  # noise that a file lacks is allocated
        raise WeightError(f"it draws {width} x {height} px, more than any StyleGAN2; do not trust it")
    return config


def mapping_sizes(tensors: Tensors, w_dim: int) -> tuple[int, tuple[int, ...]]:
    """z_dim, and the output width of each layer of the mapping network, for the `w_dim` of the synthesis network.

    Raises WeightError where the last width is another.
    """
    layers = name_indices(tensors, r"mapping\.fc(\d+)\.")
    if not layers:
        raise WeightError("it has no tensor named mapping.fc0.weight; pass a complete file")
    widths = tuple(axis_size(tensors, f"mapping.fc{i}.weight", axis=0) for i in range(max(layers) + 1))
    if widths[-1] != w_dim:
        raise WeightError(
            f"its mapping gives w of length {widths[-1]}, its synthesis takes {w_dim}; pass a complete file"
        )
    embedded = axis_size(tensors, "mapping.embed.weight", axis=0) if "mapping.embed.weight" in tensors else 0
    return axis_size(tensors, "mapping.fc0.weight", axis=1) - embedded, widths


def check_img_channels(count: int) -> int:
    """The channels of the pictures; raises WeightError unless they are grey or RGB, with alpha or not."""
    if not 1 <= count <= 4:
        raise WeightError(
            f"its pictures have {count} channels; pass a generator of grey or RGB pictures, with alpha or not"
        )
    return count


def discriminator_content(
    format: str, tensors: Tensors, licence: str = "", conv_clamp: Any = None, mbstd_group_size: Any = 4
) -> Content:
    """A discriminator; its config holds the arguments of `Discriminator`."""
    check_numbers(mbstd_group_size=mbstd_group_size, conv_clamp=conv_clamp)
    blocks = name_indices(tensors, r"b(\d+)\.conv0\.weight")
    resolutions = [2**k for k in range(3, max(blocks, default=4).bit_length())]
    channels = {side: axis_size(tensors, f"b{side}.conv0.weight", axis=0) for side in resolutions}
    channels[4] = axis_size(tensors, "b4.conv.weight", axis=0)
    config = {
        "channels": channels,
        "mbstd_group_size": mbstd_group_size,
        "conv_clamp": conv_clamp,
        "img_channels": axis_size(tensors, f"b{max(channels)}.fromrgb.weight", axis=1),
        "last_pixels": axis_size(tensors, "b4.fc.weight", axis=1) // max(channels[4], 1),
    }
    return Content("discriminator", format, config, tensors, summary={"resolution": max(channels)}, licence=licence)


def _constant_size(tensors: Tensors) -> ImageSize:
    """Height and width of the learned constant [C, h, w]: 4 x 4 for square images, 4 x 2 in StyleGAN-Human."""
    height, width = (axis_size(tensors, "synthesis.b4.const", axis) for axis in (1, 2))
    if not (0 < height <= MAX_CONSTANT_PX and 0 < width <= MAX_CONSTANT_PX):
        raise WeightError(f"its constant has {height} x {width} px; pass a StyleGAN2 generator")
    return height, width


def _unusual_image(config: StyleGAN2Config) -> dict[str, Any]:
    """Height and width of images that are not square, and the channels of those that are not RGB."""
    height, width = config.image_size
    usual_size, usual_channels = (height, width) == (config.resolution,) * 2, config.img_channels == 3
    return {
        **({} if usual_size else {"image_size": [height, width]}),
        **({} if usual_channels else {"img_channels": config.img_channels}),
    }
