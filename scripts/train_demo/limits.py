"""Measure the limits of a clean edit for the demo generator: python -m scripts.train_demo.limits

Writes checkpoints/demo/limits.safetensors, which `styleclip evaluate` reads.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

import styleclip
from styleclip.evaluate.demo_world.limits import measure_limits, save_limits


@click.command()
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/limits.safetensors"))
def main(threads: int, out: Path) -> None:
    """Write OUT."""
    torch.set_num_threads(threads)
    models = styleclip.load("demo")
    print(save_limits(measure_limits(models), models, out))


if __name__ == "__main__":
    main()
