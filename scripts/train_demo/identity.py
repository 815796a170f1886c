"""Train the recogniser of the demo world: python -m scripts.train_demo.identity

It learns the axes that identify a person (geometry and skin tone), independent of hair, glasses or expression.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from scripts.train_demo.common import WORK, Losses, Renders, augment, prepare_process, to_half, train
from styleclip.networks.face_recognition import SmallRecogniser


@click.command()
@click.option("--steps", default=1800)
@click.option("--batch", default=96)
@click.option("--lr", default=2e-3)
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/identity.safetensors"))
def main(steps: int, batch: int, lr: float, threads: int, out: Path) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    renders = Renders(WORK / "renders.safetensors")
    features = renders.at(torch.arange(1))[1].identity.shape[1]
    recogniser, batches = SmallRecogniser(features), renders.batches(batch)

    def step(i: int) -> Losses:
        images, people = next(batches)
        measured = recogniser(augment(images))
        apart = 1 - F.cosine_similarity(measured, people.identity).mean()
        return {"measures": F.mse_loss(measured, people.identity), "angle": apart}

    state = train("identity", recogniser, step, steps, lr=lr, max_grad=5.0)
    save_file(to_half(state), out, metadata={"styleclip": "identity", "features": str(features), "licence": "MIT"})


if __name__ == "__main__":
    main()
