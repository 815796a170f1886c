"""Pictures of the demo generator for the training of a CLIP, 64 px wide: python -m scripts.train_demo.generated"""

from __future__ import annotations

import click
import torch
from safetensors.torch import save_file

from scripts.train_demo.clip import GeneratorImages
from scripts.train_demo.common import WORK, prepare_process
from styleclip.networks.resize import apply_resizes, square_resize
from styleclip.weights.catalog import checkpoint_path
from styleclip.weights.load import load_generator

SIDE = 64  # of the pictures, in pixels: what the demo CLIP sees


@click.command()
@click.option("--count", default=8192, help="Half of them lie where editors go.")
@click.option("--threads", default=1)
def main(count: int, threads: int) -> None:
    """Draw COUNT pictures and write them with the parameters of their faces."""
    prepare_process(threads)
    painter = GeneratorImages(load_generator(checkpoint_path("demo/generator.safetensors")))
    images, parameters = [], []
    while 64 * len(images) < count:
        drawn, people = painter(64)
        drawn = apply_resizes(drawn, square_resize(drawn, SIDE, "bicubic"))[0]
        images.append((drawn * 127.5 + 127.5).round().to(torch.uint8))
        parameters.append(people.parameters.half())
    save_file(
        {"images": torch.cat(images).contiguous(), "parameters": torch.cat(parameters)}, WORK / "generated.safetensors"
    )


if __name__ == "__main__":
    main()
