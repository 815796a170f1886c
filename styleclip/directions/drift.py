"""How far edits move pictures: cosine distances of face-recognition and CLIP features, over fixed sample faces."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.directions.records import UnitOf
from styleclip.latents import Latent, Space
from styleclip.losses import clip_and_identity_features, loss_resolution_px, similarity
from styleclip.models import Models
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.runtime.batching import Batches
from styleclip.runtime.gradients import float32_default
from styleclip.seeds import sample_z

FIRST_SEED = 64_000  # of the fixed faces
MAX_DISTANCE = 2.0  # of two unit vectors; also that of a picture that is not finite


@dataclass(frozen=True, eq=False)
class Features:
    """Unit features of N pictures at the resolution of the losses.

    Args:
        clip: [N, D] of CLIP.
        face: [N, E] of the face recogniser; None where the models have none.
    """

    clip: Tensor
    face: Tensor | None

    def __getitem__(self, rows: slice) -> Features:
        return Features(self.clip[rows], None if self.face is None else self.face[rows])

    def distance(self, other: Features, measure: UnitOf) -> Tensor:
        """[N]: 1 - cosine of each pair of pictures, by the face recogniser ("identity") or by CLIP."""
        if measure == "clip" or self.face is None or other.face is None:
            ours, theirs = self.clip, other.clip
        else:
            ours, theirs = self.face, other.face
        return (1 - similarity(ours, theirs)).nan_to_num(nan=MAX_DISTANCE)


@dataclass(frozen=True, eq=False)
class FixedFaces:
    """Sample faces that are the same for every direction, and their features.

    Args:
        latent: in W, untruncated.
        features: of their pictures.
    """

    latent: Latent
    features: Features

    def in_s(self, models: Models) -> Latent:
        return models.generator.to_space(self.latent, Space.S)


@float32_default()
@torch.inference_mode(False)
@torch.no_grad()
def see_pictures(models: Models, latent: Latent) -> Features:
    """The features of the pictures of a latent, in batches that fit the memory."""
    resolution = loss_resolution_px(models.generator, models.clip, "auto")

    def see(batch: Latent) -> tuple[Tensor, Tensor | None]:
        image = models.generator(batch, resolution=resolution)
        return clip_and_identity_features(image, models.clip, models.identity)

    seen = [*Batches(max_batch(models.generator, RENDER, resolution))(see, latent.to(models.device))]
    faces = [face for _, face in seen if face is not None]
    return Features(torch.cat([clip for clip, _ in seen]), torch.cat(faces) if faces else None)


@torch.no_grad()
def fixed_faces(models: Models, count: int) -> FixedFaces:
    """`count` faces of fixed seeds, psi 1; they are rendered once for these models."""
    key = ("fixed faces", count, models.generator, models.clip, models.identity)
    if key not in models.memo:
        z = sample_z(range(FIRST_SEED, FIRST_SEED + count), models.generator.config.z_dim)
        latent = models.generator.to_space(Latent(Space.Z, z.to(models.device)), Space.W)
        models.memo[key] = FixedFaces(latent, see_pictures(models, latent))
    faces: FixedFaces = models.memo[key]
    return faces


def measure_of(models: Models) -> UnitOf:
    """By what the amount of change is measured: identity, or CLIP where the models have no face recogniser."""
    return "clip" if models.identity is None else "identity"
