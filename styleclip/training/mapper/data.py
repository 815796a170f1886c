"""The latents a mapper learns from: in which order they come, and what is seen of them before the edit."""

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


@dataclass(frozen=True)
class SourceBatch:
    """Some latents, with the unit features of their pictures: CLIP's [n, D] and, if it counts, the recogniser's."""

    latent: Latent
    features: Tensor
    person: Tensor | None


class SourceCache:
    """All latents of a training, float32. What CLIP and the recogniser see of them is computed once and kept."""

    def __init__(self, models: Models, latent: Latent, side: int, with_identity: bool) -> None:
        self.models, self.latent, self.side = models, latent, side
        self.identity = models.identity if with_identity else None
        self.seen: dict[int, tuple[Tensor, Tensor | None]] = {}

    def at(self, rows: Tensor) -> SourceBatch:
        """The latents of these rows. Those that are not known yet are rendered together, so ask for the same groups."""
        wanted = rows.tolist()
        if missing := [row for row in wanted if row not in self.seen]:
            self._look(missing)
        features, person = zip(*(self.seen[row] for row in wanted), strict=True)
        latent = self.latent[rows.to(self.latent.data.device)]
        people = None if self.identity is None else torch.stack([each for each in person if each is not None])
        return SourceBatch(latent, torch.stack(features), people)

    @torch.no_grad()
    def _look(self, rows: list[int]) -> None:
        generator = self.models.generator
        latent = self.latent[torch.tensor(rows, device=self.latent.data.device)]
        image = generator(Latent(latent.space, latent.data.to(generator.w_avg.dtype)), resolution=self.side)
        if not image.isfinite().all():
            raise NumericError("a picture of the latents is not finite; pass latents of this generator")
        seen, people = clip_and_identity_features(image, self.models.clip, self.identity)
        self.seen.update(
            zip(rows, zip(seen, [None] * len(rows) if people is None else people, strict=True), strict=True)
        )


class FixedBatches:
    """Every latent belongs to one batch for good, and every round visits all batches in a new order.

    So what belongs to a step follows from its number, and a batch that comes again has been seen as a whole.
    """

    def __init__(self, rows: Tensor, size: int, seed: int) -> None:
        self.batches, self.seed = rows.split(size), seed

    def at(self, step: int) -> Tensor:
        """The rows of a step, counted from 0."""
        turn, place = divmod(step, len(self.batches))
        random = torch.Generator().manual_seed(self.seed + turn)
        return self.batches[int(torch.randperm(len(self.batches), generator=random)[place])]


@torch.no_grad()
def training_latents(models: Models, training: MapperTraining, given: Latent | None) -> Latent:
    """All latents in the space of the mapper: those given, else samples, with those to be held out on top.

    Raises SpaceError for latents of another generator, and UsageError where some are not finite.
    """
    generator = models.generator
    if given is None:
        z = sample_z(generator, training.num_latents + training.held_out, training.seed)
        given = Latent(Space.Z, z)
    if not len(given) or not given.data.isfinite().all():
        raise UsageError("the latents hold NaN or infinite numbers, or none at all; pass latents of pictures")
    own = given.to(models.device)
    if own.space in (Space.Z, Space.W):
        own = generator.truncate(Latent(own.space, own.data.to(generator.w_avg.dtype)), training.psi)
    parts = [
        generator.to_space(Latent(own.space, part.to(generator.w_avg.dtype)), training.latent_space).data.float()
        for part in own.data.split(1000)
    ]
    return Latent(training.latent_space, torch.cat(parts))


def split_held_out(count: int, training: MapperTraining) -> tuple[Tensor, Tensor]:
    """The rows to train on, shuffled, and those held out: at most a fifth. A single latent is both."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(training.seed))
    held_out = min(training.held_out, count // 5)
    return (order[held_out:], order[:held_out]) if held_out else (order, order)
