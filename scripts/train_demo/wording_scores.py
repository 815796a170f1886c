"""How well a CLIP tells the pictures of which a wording is true: areas under the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scripts.train_demo.reserved import MeasuredWording
from styleclip.demo.captions import Claims, state_names
from styleclip.demo.world import Z_DIM, Faces, faces, with_state
from styleclip.latents import Latent, Space
from styleclip.networks.clip import CLIP
from styleclip.networks.generator import Generator

LEAST = 0.95  # area that a wording shall reach


def wording_aucs(clip: CLIP, wordings: Sequence[MeasuredWording], features: Tensor, people: Faces) -> list[float]:
    """The area of each wording on pictures with unit features [N, D] of these faces."""
    scores = clip.encode_text([each.text for each in wordings]) @ features.T
    return [auc_of(row, each.claims, each.excluded, people.labels) for row, each in zip(scores, wordings, strict=True)]


def auc_of(scores: Tensor, claims: Claims, excluded: Claims, labels: dict[str, Tensor]) -> float:
    """The probability that a picture of which a text is clearly true has a higher score than one of which it is not.

    `scores` [N] are the cosines of the pictures, `labels` their clear states (-1 is unclear).
    """
    true, false = torch.ones(len(scores), dtype=torch.bool), torch.zeros(len(scores), dtype=torch.bool)
    for name, state in claims.items():
        true &= labels[name] == state
        false |= (labels[name] >= 0) & (labels[name] != state)
    for name, state in excluded.items():
        true &= (labels[name] >= 0) & (labels[name] != state)
        false |= labels[name] == state
    return (scores[true][:, None] > scores[false]).double().mean().item()


def faces_for(wordings: Sequence[MeasuredWording], count: int, of_each: int, seed: int = 77) -> Tensor:
    """z [count + of_each * wordings, 64]: random faces, and some of which each wording is true."""
    z = torch.randn(count + of_each * len(wordings), Z_DIM, generator=torch.Generator().manual_seed(seed))
    parts = [z[:count]]
    for part, wording in zip(z[count:].split(of_each), wordings, strict=True):
        for name, state in wording.claims.items():
            part = with_state(part, name, state_names(name)[state])
        parts.append(part)
    return torch.cat(parts)


@torch.no_grad()
def generated_features(clip: CLIP, generator: Generator, z: Tensor, batch: int = 50) -> tuple[Tensor, Faces]:
    """Unit features [N, D] of the pictures that a generator makes of z, and their faces."""
    parts = [clip.encode_image(generator(Latent(Space.Z, part)).clamp(-1, 1)) for part in z.split(batch)]
    return torch.cat(parts), faces(z)
