"""Batch size: a fixed pixel budget on a CPU, half of the free memory on a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass

from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import GeneratorConfig
from styleclip.runtime.batching import free_bytes

MEMORY_FRACTION = 0.5  # of the free memory; CUDA graphs and libraries need the rest
MAX_BATCH = 128  # images on a GPU; more are not faster

# Float32 feature maps [C, H, W] of an image. Measured on a CPU at 512 px, config-f: 3.3 of the largest block without a
# gradient and 6.1 of every block with one; 4.5 and 10.7 in plain torch, which runs where cuda_ops is not built.
LIVE_FEATURE_MAPS = 5  # without a gradient: a block's input, modulated, convolved, filtered and activated
KEPT_FEATURE_MAPS = 11  # with a gradient, by the two convolutions of a block
# Bytes of CLIP and a recogniser, without and with a gradient; measured with ViT-B/32 and ArcFace: 17 and 90 MB.
ENCODER_BYTES = {False: 2**25, True: 2**27}


@dataclass(frozen=True)
class Workload:
    """Work that renders images: on a CPU in batches of `pixels`, at most `max_images` of them."""

    pixels: int
    gradient: bool = False
    max_images: int | None = None

    def on_cpu(self, size: tuple[int, int]) -> int:
        """Images of this height and width in a batch on a CPU."""
        count = max(1, self.pixels // math.prod(size))
        return min(count, self.max_images or count)


RENDER = Workload(2**22)  # four images of 1024 px
COMPARE = Workload(2**23, max_images=32)  # eight of 1024 px, which take 5 GB; more than 32 are hardly faster
GRADIENT = Workload(2**21, gradient=True, max_images=32)
OPTIMIZE = Workload(2**19, gradient=True)  # half a picture of 1024 px, or 128 of 64 px
TRAIN = Workload(2**16, gradient=True)  # one of 256 px; more are not faster


def max_batch(generator: Generator, workload: Workload, resolution: int | None = None) -> int:
    """Images in a batch, rendered by the whole generator or by its blocks up to `resolution`.

    On a GPU it is rounded down to a power of two, so that it does not depend on small changes of the free memory.
    """
    device, config, last = generator.w_avg.device, generator.config, resolution or generator.config.resolution
    if device.type != "cuda":
        return workload.on_cpu(config.block_size(last))
    each = image_bytes(config, last, generator.precision.itemsize, workload.gradient)
    count = min(MAX_BATCH, max(1, int(MEMORY_FRACTION * free_bytes(device)) // each))
    return 1 << count.bit_length() - 1


def image_bytes(config: GeneratorConfig, resolution: int, itemsize: int, gradient: bool) -> int:
    """Bytes of memory per image, rendered by the blocks up to `resolution` and encoded."""
    maps = config.feature_maps(resolution)
    return (
        itemsize * (KEPT_FEATURE_MAPS * sum(maps) if gradient else LIVE_FEATURE_MAPS * max(maps))
        + ENCODER_BYTES[gradient]
    )
