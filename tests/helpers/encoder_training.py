"""A short training of encoders and pictures for it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from styleclip.training.encoder.settings import EncoderTraining

FEW = EncoderTraining(
    widths=(4, 4, 6, 8), frame=16, batch_size=4, steps=4, lr=1e-2, leak=0.2, decay=0.9, held_out=8, evaluate_every=2
)
LOSS_TERMS = ("l2", "perceptual", "id", "delta", "adversary", "latent")


def with_only(**own: float) -> EncoderTraining:
    """A training in which only these terms count."""
    return replace(FEW, **{f"lambda_{name}": own.get(name, 0.0) for name in LOSS_TERMS})


class PlainPhotos:
    """Pictures of one colour each, brighter to the left, which is their number."""

    def __init__(self, count: int = 20) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        slope = torch.linspace(0.01, 0, resolution)
        return (rows / 100)[:, None, None, None] + slope.expand(len(rows), 3, resolution, resolution)
