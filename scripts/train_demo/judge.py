"""Train the judge of the demo world, on renders only: python -m scripts.train_demo.judge"""

from __future__ import annotations

from pathlib import Path

import click
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from scripts.train_demo.common import WORK, Losses, Renders, augment, prepare_process, to_half, train
from styleclip.demo.judge import Judge


@click.command()
@click.option("--steps", default=1600)
@click.option("--batch", default=96)
@click.option("--lr", default=1.5e-3)
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/judge.safetensors"))
def main(steps: int, batch: int, lr: float, threads: int, out: Path) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    judge, batches = Judge().to(memory_format=torch.channels_last), Renders(WORK / "renders.safetensors").batches(batch)

    def step(i: int) -> Losses:
        images, people = next(batches)
        verdict = judge(augment(images).contiguous(memory_format=torch.channels_last))
        return {name: F.cross_entropy(logits, people.labels[name], ignore_index=-1) for name, logits in verdict.items()}

    state = train("judge", judge, step, steps, lr=lr, max_grad=20.0)
    save_file(to_half(state), out, metadata={"styleclip": "judge", "licence": "MIT"})


if __name__ == "__main__":
    main()
