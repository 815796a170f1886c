"""W+ by descent: from an encoder's guess, or from the average face, to the latent that draws a picture.

The projector of StyleGAN2 (Karras et al. 2020, appendix D) with free vectors of W+ (Image2StyleGAN, Abdal et al. 2019)
at the end, in whitened coordinates: steps are in standard deviations along the principal axes of W, so one learning
rate suits every generator (the P_N space of Zhu et al. 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.inversion.descent import total
from styleclip.inversion.losses import LossWeights, ReconstructionLoss
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.stylegan2 import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.schedules import inversion_schedule
from styleclip.settings import check_settings
from styleclip.stylespace.whitening import StepBasis, whitening_basis

TIED_FRACTION = 0.4  # share of the steps from the average face in which all vectors of W+ are one
MIN_RELATIVE_STD = 1e-3  # axes along which samples spread less than this share of the widest are not measured
NOISE_END = 0.75  # when the noise of a stage has died out (StyleGAN2, appendix D)


@dataclass(frozen=True)
class RefineStage:
    """Some of the steps: `first` to `first + count`. In a tied stage all vectors of W+ move as one, with noise."""

    first: int
    count: int
    tied: bool = False


@dataclass(frozen=True)
class LatentDistribution:
    """Where the samples of W lie: around `centre` [w_dim], along principal axes."""

    centre: Tensor
    axes: StepBasis
    inverse: Tensor  # [w_dim, w_dim]: offset @ inverse = coordinates

    @staticmethod
    def of(generator: Generator) -> LatentDistribution:
        axes = whitening_basis(generator, Space.W)
        inverse = torch.linalg.pinv(axes.basis.double(), rtol=MIN_RELATIVE_STD).float()
        basis = StepBasis(axes.basis.to(generator.w_avg))
        return LatentDistribution(generator.w_avg, basis, inverse.to(generator.w_avg))

    def distance(self, latent: Latent) -> Tensor:
        """[N] of W+: squared Mahalanobis distance of the vectors from the centre, per axis; 1 for samples."""
        return ((latent.data - self.centre) @ self.inverse).square().mean(dim=(1, 2))


@dataclass(frozen=True)
class Refine:
    """`loss = reconstruction + lambda_average * distance`, by Adam on W+.

    The distance is that of `LatentDistribution`: a latent far from the samples may draw the picture a little better,
    but answers to edits no more (Tov et al. 2021, section 3). Every image of a batch is on its own: its result does
    not depend on its neighbours.
    """

    steps: int = 200
    lr: float = 0.1  # peak learning rate of Adam, in standard deviations of the samples of W
    lambda_pixel: float = 1.0
    lambda_perceptual: float = 0.8
    lambda_identity: float = 0.1  # 0 never runs the recogniser
    lambda_average: float = 0.03
    explore: float = 0.5  # noise on a tied step, in standard deviations, that dies out
    seed: int = 0  # of the noise

    name: ClassVar[str] = "refine"

    def __post_init__(self) -> None:
        weights = ("lambda_pixel", "lambda_perceptual", "lambda_identity", "lambda_average")
        check_settings(self, ("steps",), ("lr", "explore", *weights))

    def __call__(self, models: Models, target: Tensor, start: Latent | None = None, on_step: OnStep = ignore) -> Latent:
        """The latents in W+ that draw `target` [N, 3, H, H] in [-1, 1]: those of the lowest loss seen, per image.

        `start` is a guess of N latents in Z, W or W+; None begins at the average face, with tied vectors. The latent
        that `on_step` is given is the best so far. Raises NumericError when the loss becomes NaN or infinite.
        """
        weights = LossWeights(self.lambda_pixel, self.lambda_perceptual, self.lambda_identity)
        reconstruction = ReconstructionLoss(models, target, weights)
        distribution = LatentDistribution.of(models.generator)
        latent = _start_latent(models, start, len(target))
        for stage in self._stages(guessed=start is not None):
            latent = self._descend(models, reconstruction, distribution, latent, stage, on_step)
        return latent

    def _stages(self, guessed: bool) -> Iterator[RefineStage]:
        tied = 0 if guessed else int(TIED_FRACTION * self.steps)
        if tied:
            yield RefineStage(0, tied, tied=True)
        yield RefineStage(tied, self.steps - tied)

    def _descend(
        self,
        models: Models,
        reconstruction: ReconstructionLoss,
        distribution: LatentDistribution,
        source: Latent,
        stage: RefineStage,
        on_step: OnStep,
    ) -> Latent:
        """The best latents that Adam finds from `source`; the first that it tries is `source` itself."""
        move = torch.zeros_like(source.data[:, :1] if stage.tied else source.data).requires_grad_(True)
        optimizer = torch.optim.Adam([move], lr=self.lr)
        random = torch.Generator().manual_seed(self.seed)  # one draw for the batch: neighbours do not matter
        lowest, best = torch.full((len(source),), torch.inf, device=move.device), source.data.clone()
        for i in range(stage.count):
            shaken = move + self._noise(stage, i / stage.count) * torch.randn(move.shape[1:], generator=random).to(move)
            latent = Latent(Space.W_PLUS, source.data + distribution.axes.offset(shaken))
            parts = reconstruction(models.generator(latent))
            if self.lambda_average:
                parts["average"] = self.lambda_average * distribution.distance(latent)
            loss = total(parts, stage.first + i)
            better = loss < lowest
            lowest = torch.where(better, loss, lowest).detach()
            best = torch.where(better[:, None, None], latent.data, best).detach()
            values = {name: part.mean().item() for name, part in {"loss": loss, **parts}.items()}
            on_step(Step(stage.first + i + 1, self.steps, values, Latent(Space.W_PLUS, best), self.name))
            optimizer.param_groups[0]["lr"] = self.lr * inversion_schedule(i / stage.count)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return Latent(Space.W_PLUS, best)

    def _noise(self, stage: RefineStage, t: float) -> float:
        """The size of the noise at time t of 0 to 1 of a stage: none at its start, where the source itself is tried."""
        return self.explore * max(0.0, 1 - t / NOISE_END) ** 2 if stage.tied and t > 0 else 0.0


@torch.no_grad()
def _start_latent(models: Models, start: Latent | None, count: int) -> Latent:
    """Where the descent starts: N latents in W+."""
    generator = models.generator
    if start is None:
        start = Latent(Space.W, generator.w_avg.expand(count, -1))
    if len(start) != count:
        raise UsageError(f"{count} pictures cannot start from {len(start)} latents; pass one for each")
    return Latent(Space.W_PLUS, generator.to_space(start.to(models.device), Space.W_PLUS).data.clone())
