"""The pictures of questions: renders of faces with given states, and only those whose states are clear."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styleclip.demo.ideal import ideal_z
from styleclip.demo.render import render
from styleclip.demo.world import Z_DIM, faces
from styleclip.evaluate.composition.questions import Question, Shown
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, Step, ignore
from styleclip.seeds import sample_z

BATCH = 32  # renders that CLIP sees together
RESOLUTION, MAX_RESOLUTION = 64, 256  # px, of renders for the demo CLIP, and at most


def latents(pictures: Sequence[Shown]) -> Tensor:
    """z [N, 64]: the face of each seed with its states visible."""
    z = torch.empty(len(pictures), Z_DIM)
    by_claims: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for row, picture in enumerate(pictures):
        by_claims.setdefault(picture.claims, []).append(row)
    for claims, rows in by_claims.items():
        z[rows] = ideal_z(sample_z([pictures[row].seed for row in rows], Z_DIM), dict(claims))
    return z


def clear_questions(questions: Sequence[Question]) -> list[Question]:
    """The questions whose pictures all clearly show their states."""
    pictures = [*dict.fromkeys(picture for question in questions for picture in question.pictures)]
    labels = faces(latents(pictures)).labels
    shows = {
        picture: all(int(labels[name][row]) == state for name, state in picture.claims)
        for row, picture in enumerate(pictures)
    }
    return [question for question in questions if all(shows[picture] for picture in question.pictures)]


@torch.no_grad()
def picture_features(clip: CLIP, pictures: Sequence[Shown], on_step: OnStep = ignore) -> Tensor:
    """CLIP's unit features [N, D] of the renders, each at the size of its input, from 64 to 256 px."""
    z, features = latents(pictures), []
    resolution = min(max(clip.image_size, RESOLUTION), MAX_RESOLUTION)
    for part in z.split(BATCH):
        features.append(clip.encode_image(render(faces(part), resolution).to(clip.mean.device)).cpu())
        on_step(Step(sum(map(len, features)), len(z)))
    return torch.cat(features)
