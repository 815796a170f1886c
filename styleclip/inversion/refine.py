"""Latents in W+ that draw a picture, by optimization from an encoder's guess or from the average face.

The projector of StyleGAN2 (Karras et al. 2020, appendix D), followed by steps in which the vectors of W+ are free
(Image2StyleGAN, Abdal et al. 2019). Steps are taken in whitened coordinates, in standard deviations along the principal
axes of W (the P_N space of Zhu et al. 2020), so one learning rate suits every generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.inversion.losses import LossWeights, ReconstructionLoss, total_loss
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import with_gradients
from styleclip.schedules import inversion_schedule
from styleclip.settings import MAX_SEED, check_limits, setting
from styleclip.stylespace.statistics import StepBasis, whitening_basis

TIED_FRACTION = 0.4  # of the steps from the average face: all vectors of W+ are one
NOISE_END = 0.75  # time of a tied stage, of 0 to 1, at which its noise reaches 0 (StyleGAN2, appendix D)
MIN_RELATIVE_STD = 1e-3  # axes with a smaller deviation, relative to the largest, do not count in the distance


@dataclass(frozen=True)
class Refine:
    """Optimize latents in W+ with Adam: `loss = reconstruction + lambda_average * distance`.

    The distance is `LatentDistribution.distance`. Without it a latent far from the samples of W draws the picture a
    little better, but edits of it fail (Tov et al. 2021, section 3). The images of a batch are independent of each
    other.

    Args:
        steps, lr: of Adam; `lr` is the peak of `inversion_schedule`.
        lambda_pixel, lambda_perceptual, lambda_identity: weights of the losses (`LossWeights`).
        lambda_average: weight of the distance from the average face.
        explore: noise on the steps in which all vectors of W+ are one, which falls to 0.
        seed: of that noise.

    Example:
        latent = Refine(steps=100)(models, target, models.encoder().encode(frame))
    """

    steps: int = setting(200, "Optimization steps.", least=1)
    lr: float = setting(0.1, "Peak learning rate of Adam, in standard deviations of the samples of W.", least=0)
    lambda_pixel: float = setting(1.0, "Weight of the squared difference of pixels.", least=0)
    lambda_perceptual: float = setting(0.8, "Weight of LPIPS.", least=0)
    lambda_identity: float = setting(0.1, "Weight of the identity loss; at 0 the recogniser never runs.", least=0)
    lambda_average: float = setting(0.03, "Weight of the distance from the average face.", least=0)
    explore: float = setting(0.5, "Noise on tied steps, in standard deviations of the samples of W.", least=0)
    seed: int = setting(0, "Random seed of the noise.", least=0, most=MAX_SEED)

    name: ClassVar[str] = "refine"

    def __post_init__(self) -> None:
        check_limits(self)

    @with_gradients
    def __call__(self, models: Models, target: Tensor, start: Latent | None = None, on_step: OnStep = ignore) -> Latent:
        """The latents [N] in W+ with the lowest loss for `target` [N, 3, H, W] in [-1, 1], per image.

        `start` is a guess of N latents in Z, W or W+; None starts at the average face, with all vectors of W+ tied.
        `on_step` is given the best latents so far. Raises NumericError when the loss becomes NaN or infinite.
        """
        weights = LossWeights(self.lambda_pixel, self.lambda_perceptual, self.lambda_identity)
        reconstruction = ReconstructionLoss(models, target, weights)
        distribution = LatentDistribution.of(models.generator)
        latent = _start_latent(models, start, len(target))
        for stage in self._stages(guessed=start is not None):
            latent = self._run_stage(models, reconstruction, distribution, latent, stage, on_step)
        return latent

    def _stages(self, guessed: bool) -> Iterator[RefineStage]:
        tied = 0 if guessed else int(TIED_FRACTION * self.steps)
        if tied:
            yield RefineStage(0, tied, tied=True)
        yield RefineStage(tied, self.steps - tied)

    def _run_stage(
        self,
        models: Models,
        reconstruction: ReconstructionLoss,
        distribution: LatentDistribution,
        source: Latent,
        stage: RefineStage,
        on_step: OnStep,
    ) -> Latent:
        """The best latents of one stage; the first that is rendered is `source` itself."""
        move = torch.zeros_like(source.data[:, :1] if stage.tied else source.data).requires_grad_(True)
        optimizer = torch.optim.Adam([move], lr=self.lr)
        random = torch.Generator().manual_seed(self.seed)  # one noise for all images, so they stay independent
        lowest, best = torch.full((len(source),), torch.inf, device=move.device), source.data.clone()
        for i in range(stage.count):
            noise = self._noise_scale(stage, i / stage.count) * torch.randn(move.shape[1:], generator=random).to(move)
            latent = Latent(Space.W_PLUS, source.data + distribution.basis.offset(move + noise))
            losses = reconstruction(models.generator(latent))
            if self.lambda_average:
                losses["average"] = self.lambda_average * distribution.distance(latent)
            loss = total_loss(losses, stage.first + i)
            better = loss < lowest
            lowest = torch.where(better, loss, lowest).detach()
            best = torch.where(better[:, None, None], latent.data, best).detach()
            values = {name: value.mean().item() for name, value in {"loss": loss, **losses}.items()}
            on_step(Step(stage.first + i + 1, self.steps, values, Latent(Space.W_PLUS, best), self.name))
            optimizer.param_groups[0]["lr"] = self.lr * inversion_schedule(i / stage.count)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return Latent(Space.W_PLUS, best)

    def _noise_scale(self, stage: RefineStage, t: float) -> float:
        """The scale of the noise at time t of 0 to 1 of a stage: 0 at first, where the source itself is rendered."""
        return self.explore * max(0.0, 1 - t / NOISE_END) ** 2 if stage.tied and t > 0 else 0.0


@dataclass(frozen=True)
class RefineStage:
    """The steps `first` to `first + count`. In a tied stage all vectors of W+ take the same steps, with noise."""

    first: int
    count: int
    tied: bool = False


@dataclass(frozen=True)
class LatentDistribution:
    """The normal distribution of W: its mean [w_dim] and its whitened coordinates."""

    mean: Tensor
    basis: StepBasis  # coordinates -> offset from the mean
    inverse: Tensor  # [w_dim, w_dim]: offset @ inverse = coordinates

    @staticmethod
    def of(generator: Generator) -> LatentDistribution:
        """The distribution of the samples of a generator."""
        whitened = whitening_basis(generator, Space.W)
        inverse = torch.linalg.pinv(whitened.basis.double(), rtol=MIN_RELATIVE_STD).float()
        basis = StepBasis(whitened.basis.to(generator.w_avg))
        return LatentDistribution(generator.w_avg, basis, inverse.to(generator.w_avg))

    def distance(self, latent: Latent) -> Tensor:
        """[N] of W+: squared Mahalanobis distance of the vectors from the mean, per axis; 1 on average for samples."""
        return ((latent.data - self.mean) @ self.inverse).square().mean(dim=(1, 2))


@torch.no_grad()
def _start_latent(models: Models, start: Latent | None, count: int) -> Latent:
    """N latents in W+ from which the optimization starts."""
    generator = models.generator
    if start is None:
        start = Latent(Space.W, generator.w_avg.expand(count, -1))
    if len(start) != count:
        raise UsageError(f"{count} pictures cannot start from {len(start)} latents; pass one for each")
    return Latent(Space.W_PLUS, generator.to_space(start.to(models.device), Space.W_PLUS).data.clone())
