"""The samples of the demo generator as its CLIP sees them: python -m scripts.train_demo.samples"""

from __future__ import annotations

from pathlib import Path

import click
import torch

import styleclip
from scripts.train_demo.common import prepare_process
from styleclip.stylespace.samples import see_samples
from styleclip.weights.catalog import checkpoint_path
from styleclip.weights.sample_files import save_samples


@click.command()
@click.option("--count", default=2000)
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/samples.safetensors"))
def main(count: int, threads: int, out: Path) -> None:
    """Write the first COUNT samples of seed 5 and psi 1 to OUT, in half precision."""
    prepare_process(threads)
    generator, clip = (checkpoint_path(f"demo/{name}.safetensors") for name in ("generator", "clip"))
    models = styleclip.load(generator=generator, clip=clip, identity="none")
    samples = see_samples(models, count, on_step=lambda step: print(f"{step.index} of {step.total}", end="\r"))
    print(save_samples(samples, models.clip, out, dtype=torch.float16))


if __name__ == "__main__":
    main()
