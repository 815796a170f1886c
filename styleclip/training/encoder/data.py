"""What an encoder learns from: aligned pictures, and samples of the generator, whose latents are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.training.encoder.settings import EncoderTraining


class Pictures(Protocol):
    """Aligned pictures to learn from."""

    def __len__(self) -> int: ...

    def at(self, rows: Tensor, resolution: int) -> Tensor:
        """These pictures, [N, 3, R, R] in [-1, 1]."""
        ...


class EncoderBatches:
    """All that is drawn at random follows from the number of the step, so a resumed training sees the same."""

    def __init__(self, models: Models, pictures: Pictures | None, training: EncoderTraining) -> None:
        self.models, self.training = models, training
        self.pictures = pictures
        self.drawn = training.batch_size  # samples in a batch
        if pictures is not None:
            self.drawn = round(training.samples * training.batch_size)
            self.learning, self.kept = _divided(len(pictures), training.held_out)
        self._check()

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, R, R], and the w [M, w_dim] of the last M of them, which the generator has drawn."""
        generator, photos = self.models.generator, self.training.batch_size - self.drawn
        images = [self._photos(step, photos)] if photos else []
        known = self.known("samples", step, self.drawn)
        if self.drawn:
            with torch.no_grad(), self._seeded(step):
                images.append(generator(Latent(Space.W, known), noise="random").clamp(-1, 1))
        return torch.cat(images), known

    @torch.no_grad()
    def known(self, purpose: str, step: int, count: int) -> Tensor:
        """w [count, w_dim] of samples that belong to this step."""
        generator = self.models.generator
        z = torch.randn(count, generator.config.z_dim, generator=self.training.random(purpose, step))
        return generator.map(z.to(generator.w_avg))

    def held_out(self) -> Tensor:
        """The pictures [N, 3, R, R] by which the training is watched: samples where there are no pictures."""
        if self.pictures is None:
            w = self.known("held out", 0, self.training.held_out)
            return self.models.render(Latent(Space.W, w)).clamp(-1, 1)
        return self.pictures.at(self.kept, self.models.generator.resolution).to(self.models.device)

    def _photos(self, step: int, count: int) -> Tensor:
        assert self.pictures is not None
        random = self.training.random("photos", step)
        rows = self.learning[torch.randint(len(self.learning), (count,), generator=random)]
        images = self.pictures.at(rows, self.models.generator.resolution).to(self.models.device)
        if self.training.flip:
            mirrored = torch.rand(count, generator=random).to(images.device) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return images

    @contextmanager
    def _seeded(self, step: int) -> Iterator[None]:
        """A global random state that belongs to the step, for the noise of the generator; the old one comes back."""
        device = self.models.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.training.random("noise", step).initial_seed())
            yield

    def _check(self) -> None:
        if self.pictures is not None and not len(self.pictures):
            raise UsageError("there are no pictures to learn from; pass some, or none at all to learn from samples")
        training = self.training
        if not self.drawn and not (training.lambda_l2 or training.lambda_perceptual or training.lambda_id):
            raise UsageError("lambda_latent is the only goal and no sample is drawn; raise --samples or another weight")


def _divided(count: int, held_out: int) -> tuple[Tensor, Tensor]:
    """The rows to train on, and the last ones, at most a fifth, which are held out. A few pictures are both."""
    rows, kept = torch.arange(count), min(held_out, count // 5)
    return (rows[: count - kept], rows[count - kept :]) if kept else (rows, rows)
