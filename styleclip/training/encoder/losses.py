"""What an encoder is asked for: pictures like the ones it saw, and codes where the generator knows its way."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.losses import clip_loss, identity_loss
from styleclip.models import Models
from styleclip.networks.discriminator import LatentDiscriminator
from styleclip.networks.e4e import Encoder, resize_frame
from styleclip.networks.stylegan2 import Generator
from styleclip.training.encoder.settings import EncoderTraining

SPREAD = 10_000  # samples from which the variance of w is taken
Losses = dict[str, Tensor]


class EncoderLosses:
    """The terms of `EncoderTraining` for pictures [N, 3, R, R] at the generator's resolution."""

    def __init__(self, models: Models, training: EncoderTraining) -> None:
        self.models, self.training = models, training
        self.perceptual = models.perceptual() if training.lambda_perceptual else None
        self.variance = _variance(models.generator, training.seed) if training.lambda_latent else None

    def __call__(
        self, encoder: Encoder, critic: LatentDiscriminator, images: Tensor, known: Tensor, step: int
    ) -> tuple[Losses, Tensor]:
        """All terms, weighted, and the codes [N, num_ws, w_dim]; the last rows of `images` were drawn from `known`.

        The encoder sees the images out of place by `jitter`, and is asked for what they are in place.
        """
        training = self.training
        seen = displaced(images, training.jitter, training.random("jitter", step))
        codes, deltas = self.codes(encoder, seen, step)
        losses = self._pictures(codes, images)
        if training.lambda_adversary:
            losses["adversary"] = training.lambda_adversary * F.softplus(-critic(codes.flatten(0, 1))).mean()
        if training.lambda_delta and deltas:
            losses["delta"] = training.lambda_delta * torch.stack([delta.norm(dim=1).mean() for delta in deltas]).sum()
        if self.variance is not None and len(known):
            away = (codes[-len(known) :] - known[:, None]).square().sum(dim=2).mean()
            losses["latent"] = training.lambda_latent * away / self.variance
        return losses, codes

    def _pictures(self, codes: Tensor, images: Tensor) -> Losses:
        """The terms that look at what the generator draws; without any it does not draw."""
        training = self.training
        terms: dict[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]] = {
            "l2": (training.lambda_l2, F.mse_loss),
            "perceptual": (training.lambda_perceptual, self._look),
            "identity": (training.lambda_id, self._identity),
        }
        if not any(weight for weight, _ in terms.values()):
            return {}
        drawn = self.models.generator(Latent(Space.W_PLUS, codes))
        return {name: weight * look(drawn, images) for name, (weight, look) in terms.items() if weight}

    def codes(self, encoder: Encoder, images: Tensor, step: int) -> tuple[Tensor, list[Tensor]]:
        """Codes [N, num_ws, w_dim] of which only the offsets count that have joined by now, and these offsets."""
        frame, last = resize_frame(images, encoder.config.frame), encoder.config.num_ws - 1
        if encoder.config.kind == "psp":
            first, others = encoder.offsets(frame)
            return torch.stack([first, *others], dim=1) + encoder.w_avg, []
        first, deltas = encoder.offsets(frame, self.training.active(step, last))
        vectors = [first, *(first + delta for delta in deltas), *[first] * (last - len(deltas))]
        return torch.stack(vectors, dim=1) + encoder.w_avg, deltas

    def critic(self, critic: LatentDiscriminator, codes: Tensor, real: Tensor, penalised: bool) -> Tensor:
        """Non-saturating logistic loss of codes [N, num_ws, w_dim] against w [M, w_dim]; R1 (Mescheder et al. 2018)."""
        real = real.clone().requires_grad_(penalised)
        seen = critic(real)
        loss = F.softplus(-seen).mean() + F.softplus(critic(codes.detach().flatten(0, 1))).mean()
        if penalised:
            slope = torch.autograd.grad(seen.sum(), real, create_graph=True)[0]
            loss = loss + self.training.r1 / 2 * slope.square().sum(dim=1).mean()
        return loss

    def _look(self, drawn: Tensor, images: Tensor) -> Tensor:
        if self.perceptual is not None:
            return self.perceptual.distance(drawn, images).mean()
        return self._meaning(drawn, images)

    def _identity(self, drawn: Tensor, images: Tensor) -> Tensor:
        identity = self.models.identity
        if identity is None:
            return self._meaning(drawn, images)
        with torch.no_grad():
            person = identity.embed(images)
        return identity_loss(identity, drawn, person).mean()

    def _meaning(self, drawn: Tensor, images: Tensor) -> Tensor:
        clip = self.models.clip
        with torch.no_grad():
            features = clip.encode_image(images)
        return clip_loss(clip, drawn, features).mean()


def displaced(images: Tensor, size: float, random: torch.Generator) -> Tensor:
    """The pictures [N, 3, R, R] shifted, scaled and turned, each on its own: normally distributed around no change.

    `size` is the standard deviation, in sides of the picture, of the scale, and in radians. Reflections fill the rim.
    """
    if not size:
        return images
    dx, dy, scale, turn = (size * torch.randn(4, len(images), generator=random)).to(images)
    cos, sin = (1 + scale) * torch.cos(turn), (1 + scale) * torch.sin(turn)
    rows = [cos, -sin, 2 * dx], [sin, cos, 2 * dy]  # the grid counts from -1 to 1: a side is 2
    matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # [N, 2, 3]
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _variance(generator: Generator, seed: int) -> Tensor:
    """The mean squared distance of samples of W from their average."""
    z = torch.randn(SPREAD, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.map(z.to(generator.w_avg)).var(dim=0).sum()
