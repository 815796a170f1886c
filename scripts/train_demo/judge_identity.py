"""Train the held-out recogniser of the demo world: python -m scripts.train_demo.judge_identity

It judges what the identity loss of editors kept, so it shares no weight with the recogniser of that loss and is one of
plain convolutions. It learns the same axes of a person, from the same renders in other batches.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from scripts.train_demo.common import WORK, Losses, Renders, augment, prepare_process, to_half, train
from styleclip.networks.face_recognition import PlainRecogniser

CHANNELS = (24, 32, 48, 64, 64, 64)
BATCH_SEED = 10**6  # beside the seeds of `common.train`, which other trainings draw their batches with


@click.command()
@click.option("--steps", default=900)
@click.option("--batch", default=96)
@click.option("--lr", default=3e-3)
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("checkpoints/demo/judge_identity.safetensors"))
def main(steps: int, batch: int, lr: float, threads: int, out: Path) -> None:
    """Train and write OUT."""
    prepare_process(threads)
    renders = Renders(WORK / "renders.safetensors")
    features = renders.at(torch.arange(1))[1].identity.shape[1]
    recogniser = PlainRecogniser(CHANNELS, features).to(memory_format=torch.channels_last)

    def step(i: int) -> Losses:
        torch.manual_seed(BATCH_SEED + i)
        images, people = renders.at(torch.randint(len(renders), (batch,)))
        measured = recogniser(augment(images).contiguous(memory_format=torch.channels_last))
        apart = 1 - F.cosine_similarity(measured, people.identity).mean()
        return {"measures": F.mse_loss(measured, people.identity), "angle": apart}

    state = train("judge_identity", recogniser, step, steps, lr=lr, max_grad=5.0, decay=0.99)
    save_file(to_half(state), out, metadata={"styleclip": "identity", "features": str(features), "licence": "MIT"})


if __name__ == "__main__":
    main()
