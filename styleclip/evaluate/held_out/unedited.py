"""Samples without an edit, as the held-out CLIP sees them: what is measured of edits is compared with them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from styleclip.images import to_rgb
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.models import Models
from styleclip.networks.batch_size import COMPARE, max_batch
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.batching import Batches
from styleclip.samples import Samples
from styleclip.stylespace.statistics import sample_z

SEED = 11  # of the samples; no editor draws these
MAP_PX = 64  # longer side of the reduced pictures


@dataclass(frozen=True)
class Unedited:
    """Samples of a generator, psi 1.

    Args:
        samples: the held-out CLIP's features of N samples.
        pictures: [N, 3, H, W] in [-1, 1], the samples with a longer side of at most MAP_PX.
    """

    samples: Samples
    pictures: Tensor

    @property
    def features(self) -> Tensor:
        """[N, D], unit features."""
        return self.samples.features

    def latent(self, models: Models) -> Latent:
        """Z of the samples."""
        return Latent(Space.Z, sample_z(models.generator, len(self.samples), self.samples.seed).to(models.device))


@torch.no_grad()
def see_unedited(models: Models, clip: CLIP, count: int, on_step: OnStep = ignore) -> Unedited:
    """Draw `count` samples at the resolution that suits the CLIP, moved as the edited pictures are; a step counts
    samples."""
    generator = models.drawing_generator
    resolution = loss_resolution_px(generator, clip, "auto")
    latent = Latent(Space.Z, sample_z(models.generator, count, SEED).to(models.device))
    done = 0

    def see(batch: Latent) -> tuple[Tensor, Tensor]:
        images = generator(batch, resolution=resolution).float().clamp(-1, 1)
        return clip.encode_image(images).cpu(), reduce(images).cpu()

    features, pictures = list[Tensor](), list[Tensor]()
    for seen, small in Batches(max_batch(generator, COMPARE, resolution))(see, latent):
        features.append(seen)
        pictures.append(small)
        done += len(seen)
        on_step(Step(done, count, stage="unedited samples"))
    return Unedited(Samples(torch.cat(features), SEED), torch.cat(pictures))


def reduce(images: Tensor) -> Tensor:
    """[N, 3, H, W] of images [N, 1..4, H', W'], by areas, so that the longer side is at most MAP_PX."""
    images, longest = to_rgb(images), max(images.shape[2:])
    if longest <= MAP_PX:
        return images
    size = [max(1, round(side * MAP_PX / longest)) for side in images.shape[2:]]
    return F.interpolate(images, size, mode="area")
