"""The latents a mapper is trained on: which ones, in which batches, and the features of their images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError
from styleclip.latents import Latent, Space
from styleclip.losses import clip_and_identity_features
from styleclip.models import Models
from styleclip.stylespace.statistics import sample_z
from styleclip.training.mapper.settings import MapperTraining

CHUNK = 1000  # latents converted to another space at once


@dataclass(frozen=True)
class SourceBatch:
    """Latents and the unit features of their images: CLIP's [n, D] and, with an identity loss, the recogniser's."""

    latent: Latent
    clip_features: Tensor
    identity_features: Tensor | None


class SourceCache:
    """All latents of a training, float32, and the features of their images, computed at first use and kept.

    Features of images rendered together may differ in the last bit from those of images rendered one by one, so a
    training resumes exactly only if it asks for the same groups of rows.
    """

    def __init__(self, models: Models, latent: Latent, resolution: int, with_identity: bool) -> None:
        self.models, self.latent, self.resolution = models, latent, resolution
        self.recogniser = models.identity if with_identity else None
        self.features: dict[int, tuple[Tensor, Tensor | None]] = {}

    def at(self, rows: Tensor) -> SourceBatch:
        """The latents of these rows; the images of those that are new are rendered together."""
        indices = rows.tolist()
        if missing := [row for row in indices if row not in self.features]:
            self._compute_features(missing)
        clip, identity = zip(*(self.features[row] for row in indices), strict=True)
        latent = self.latent[rows.to(self.latent.data.device)]
        people = None if self.recogniser is None else torch.stack([each for each in identity if each is not None])
        return SourceBatch(latent, torch.stack(clip), people)

    @torch.no_grad()
    def _compute_features(self, rows: list[int]) -> None:
        generator = self.models.generator
        latent = self.latent[torch.tensor(rows, device=self.latent.data.device)]
        image = generator(Latent(latent.space, latent.data.to(generator.w_avg.dtype)), resolution=self.resolution)
        if not image.isfinite().all():
            raise NumericError("a picture of the latents is not finite; pass latents of this generator")
        clip, identity = clip_and_identity_features(image, self.models.clip, self.recogniser)
        people = [None] * len(rows) if identity is None else identity
        self.features.update(zip(rows, zip(clip, people, strict=True), strict=True))


class FixedBatches:
    """Batches of fixed rows, in a new order in every epoch.

    The batch is a function of the step number, so training resumes exactly; batches are fixed sets, so source features
    are cached per batch.
    """

    def __init__(self, rows: Tensor, size: int, seed: int) -> None:
        self.batches, self.seed = rows.split(size), seed

    def at(self, step: int) -> Tensor:
        """The rows of a step, counted from 0."""
        epoch, index = divmod(step, len(self.batches))
        random = torch.Generator().manual_seed(self.seed + epoch)
        return self.batches[int(torch.randperm(len(self.batches), generator=random)[index])]


@torch.no_grad()
def training_latents(models: Models, training: MapperTraining, given: Latent | None) -> Latent:
    """All latents in the space of the mapper: those given, else samples for training and for validation.

    Raises SpaceError for latents of another generator, and UsageError where some are not finite.
    """
    generator, space = models.generator, Space(training.space)
    if given is None:
        given = Latent(Space.Z, sample_z(generator, training.num_latents + training.held_out, training.seed))
    if not len(given) or not given.data.isfinite().all():
        raise UsageError("the latents hold NaN or infinite numbers, or none at all; pass latents of pictures")
    latent = given.to(models.device)
    if latent.space in (Space.Z, Space.W):
        latent = generator.truncate(Latent(latent.space, latent.data.to(generator.w_avg.dtype)), training.psi)
    chunks = [
        generator.to_space(Latent(latent.space, chunk.to(generator.w_avg.dtype)), space).data.float()
        for chunk in latent.data.split(CHUNK)
    ]
    return Latent(space, torch.cat(chunks))


def split_held_out(count: int, training: MapperTraining) -> tuple[Tensor, Tensor]:
    """The rows to train on, shuffled, and those held out: at most a fifth. A single latent is both."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(training.seed))
    held_out = min(training.held_out, count // 5)
    return (order[held_out:], order[:held_out]) if held_out else (order, order)
