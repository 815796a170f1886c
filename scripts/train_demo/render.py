"""Render the training images of the demo models: python -m scripts.train_demo.render --count 24000"""

from __future__ import annotations

import click
import torch
from safetensors.torch import save_file
from torch import Tensor

from scripts.train_demo.common import WORK, prepare_process
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces


@click.command()
@click.option("--count", default=24000)
@click.option("--resolution", default=64)
@click.option("--seed", default=0, help="Use another one for pictures that no training has seen.")
@click.option("--name", default="renders")
@click.option("--threads", default=2)
def main(count: int, resolution: int, seed: int, name: str, threads: int) -> None:
    """Render COUNT faces with normal z."""
    prepare_process(threads)
    z = torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(seed))
    images = torch.cat([_bytes(render(faces(part), resolution)) for part in z.split(64)])
    save_file({"images": images, "z": z}, WORK / f"{name}.safetensors")


def _bytes(images: Tensor) -> Tensor:
    return (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


if __name__ == "__main__":
    main()
