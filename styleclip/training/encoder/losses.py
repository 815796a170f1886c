"""The losses of an encoder and of its discriminator (e4e, Tov et al. 2021, equations 4 to 9)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.images import to_rgb
from styleclip.latents import Latent, Space
from styleclip.losses import clip_loss, identity_loss
from styleclip.models import Models
from styleclip.networks.discriminator import LatentDiscriminator
from styleclip.networks.e4e import Encoder, resize_frame
from styleclip.networks.generator import Generator
from styleclip.training.encoder.data import random_stream
from styleclip.training.encoder.settings import EncoderTraining

VARIANCE_SAMPLES = 10_000  # of w
Losses = dict[str, Tensor]


class EncoderLosses:
    """The terms of `EncoderTraining` for images [N, 3, H, W] at the generator's size."""

    def __init__(self, models: Models, training: EncoderTraining) -> None:
        self.models, self.training = models, training
        self.perceptual = models.perceptual() if training.lambda_perceptual else None
        self.variance = _variance(models.generator, training.seed) if training.lambda_latent else None

    def __call__(
        self, encoder: Encoder, discriminator: LatentDiscriminator, images: Tensor, known_w: Tensor, step: int
    ) -> tuple[Losses, Tensor]:
        """All terms, weighted, and the codes [N, num_ws, w_dim] of the images.

        The last rows of `images` are samples of `known_w`. The encoder is given the images misaligned by `jitter`; the
        terms compare its codes with the aligned ones.
        """
        training = self.training
        inputs = misalign(images, training.jitter, random_stream(training, "jitter", step))
        codes, deltas = self.codes(encoder, inputs, step)
        losses = self._image_losses(codes, images)
        if training.lambda_adversary:
            losses["adversary"] = training.lambda_adversary * F.softplus(-discriminator(codes.flatten(0, 1))).mean()
        if training.lambda_delta and deltas:
            losses["delta"] = training.lambda_delta * torch.stack([delta.norm(dim=1).mean() for delta in deltas]).sum()
        if self.variance is not None and len(known_w):
            distance = (codes[-len(known_w) :] - known_w[:, None]).square().sum(dim=2).mean()
            losses["latent"] = training.lambda_latent * distance / self.variance
        return losses, codes

    def _image_losses(self, codes: Tensor, images: Tensor) -> Losses:
        """The terms that compare reconstructions; the generator runs only if one of them has a weight."""
        training = self.training
        terms: dict[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]] = {
            "l2": (training.lambda_l2, F.mse_loss),
            "perceptual": (training.lambda_perceptual, self._perceptual_loss),
            "identity": (training.lambda_id, self._identity_loss),
        }
        if not any(weight for weight, _ in terms.values()):
            return {}
        rendered = to_rgb(self.models.generator(Latent(Space.W_PLUS, codes)))
        return {name: weight * term(rendered, images) for name, (weight, term) in terms.items() if weight}

    def codes(self, encoder: Encoder, images: Tensor, step: int) -> tuple[Tensor, list[Tensor]]:
        """Codes [N, num_ws, w_dim] with the offsets that are active in this step, and these offsets."""
        frame, last = resize_frame(images, encoder.config.frame), encoder.config.num_ws - 1
        if encoder.config.kind == "psp":
            first, others = encoder.offsets(frame)
            return torch.stack([first, *others], dim=1) + encoder.w_avg, []
        first, deltas = encoder.offsets(frame, self.training.active_deltas(step, last))
        vectors = [first, *(first + delta for delta in deltas), *[first] * (last - len(deltas))]
        return torch.stack(vectors, dim=1) + encoder.w_avg, deltas

    def discriminator_loss(
        self, discriminator: LatentDiscriminator, codes: Tensor, real: Tensor, penalised: bool
    ) -> Tensor:
        """Non-saturating logistic loss of codes [N, num_ws, w_dim] against w [M, w_dim]; R1 (Mescheder et al. 2018)."""
        real = real.clone().requires_grad_(penalised)
        logits = discriminator(real)
        loss = F.softplus(-logits).mean() + F.softplus(discriminator(codes.detach().flatten(0, 1))).mean()
        if penalised:
            slope = torch.autograd.grad(logits.sum(), real, create_graph=True)[0]
            loss = loss + self.training.r1 / 2 * slope.square().sum(dim=1).mean()
        return loss

    def _perceptual_loss(self, rendered: Tensor, images: Tensor) -> Tensor:
        if self.perceptual is not None:
            return self.perceptual.distance(rendered, images).mean()
        return self._clip_loss(rendered, images)

    def _identity_loss(self, rendered: Tensor, images: Tensor) -> Tensor:
        recogniser = self.models.identity
        if recogniser is None:
            return self._clip_loss(rendered, images)
        with torch.no_grad():
            people = recogniser.embed(images)
        return identity_loss(recogniser, rendered, people).mean()

    def _clip_loss(self, rendered: Tensor, images: Tensor) -> Tensor:
        clip = self.models.clip
        with torch.no_grad():
            features = clip.encode_image(images)
        return clip_loss(clip, rendered, features).mean()


def misalign(images: Tensor, size: float, random: torch.Generator) -> Tensor:
    """Images [N, 3, H, W] shifted, scaled and turned by normally distributed amounts, each by its own.

    `size` is the standard deviation: of the shift in sides of the image, of the scale, and of the angle in radians.
    Reflections fill the border.
    """
    if not size:
        return images
    dx, dy, scale, turn = (size * torch.randn(4, len(images), generator=random)).to(images)
    cos, sin = (1 + scale) * torch.cos(turn), (1 + scale) * torch.sin(turn)
    ratio = images.shape[2] / images.shape[3]  # the grid counts from -1 to 1: a side is 2
    rows = [cos, -sin * ratio, 2 * dx], [sin / ratio, cos, 2 * dy]
    matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # [N, 2, 3]
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _variance(generator: Generator, seed: int) -> Tensor:
    """The mean squared distance of samples of W from their mean."""
    z = torch.randn(VARIANCE_SAMPLES, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.map(z.to(generator.w_avg)).var(dim=0).sum()
