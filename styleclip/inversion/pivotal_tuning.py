"""Pivotal tuning (PTI, Roich et al. 2021): teach the generator one picture, around the latent that nearly draws it.

What is learned is a small change of the synthesis weights, as in LoRA (Hu et al. 2021): for the weight [O, I, 3, 3] of
a convolution the product of factors [O, rank] and [rank, 9 I], whole for biases and toRGB. At rank 16 it has 0.97
million numbers for the generator of FFHQ at 1024 px, 1.9 MB in half precision, where a whole generator has 121 MB.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import functional_call

from styleclip.errors import UsageError
from styleclip.inversion.descent import total
from styleclip.inversion.generator_delta import (
    LEFT_SUFFIX,
    RIGHT_SUFFIX,
    GeneratorDelta,
    storage_dtype,
    tunable_weights,
    weight_changes,
)
from styleclip.inversion.losses import LossWeights, ReconstructionLoss, pixel_loss, pyramid
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.stylegan2 import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.schedules import inversion_schedule
from styleclip.settings import check_settings


@dataclass(frozen=True)
class PivotalTuning:
    """Fine-tune the generator on the pivot: `loss = reconstruction + lambda_locality * change elsewhere`, by Adam.

    Elsewhere is a latent `w_r` between the pivot and a random sample, where the tuned generator is asked to draw what
    the untouched one draws (PTI, section 3.3): without it an edit leaves what was tuned.
    """

    steps: int = 150
    lr: float = 0.005  # peak learning rate of Adam
    rank: int = 16  # of the change of a convolution
    lambda_pixel: float = 1.0
    lambda_perceptual: float = 1.0
    lambda_identity: float = 0.1
    lambda_locality: float = 0.3  # 0 never renders elsewhere
    alpha: float = 30.0  # the distance of w_r from the pivot over all of W+, at most that of the sample
    seed: int = 0  # of the factors and the samples

    name: ClassVar[str] = "tune"

    def __post_init__(self) -> None:
        weights = ("lr", "alpha", "lambda_pixel", "lambda_perceptual", "lambda_identity", "lambda_locality")
        check_settings(self, ("steps", "rank"), weights)

    def __call__(self, models: Models, target: Tensor, pivot: Latent, on_step: OnStep = ignore) -> GeneratorDelta:
        """The change under which `pivot`, one latent in W or W+, draws `target` [1, 3, H, H] in [-1, 1].

        The generator itself is not touched. Raises UsageError for a batch, NumericError when the loss becomes NaN or
        infinite.
        """
        if len(target) != 1 or len(pivot) != 1:
            raise UsageError(f"tuning takes one picture and one latent, got {len(target)} and {len(pivot)}; tune each")
        with torch.no_grad():
            pivot = Latent(Space.W_PLUS, models.generator.to_space(pivot.to(models.device), Space.W_PLUS).data.clone())
        weights = LossWeights(self.lambda_pixel, self.lambda_perceptual, self.lambda_identity)
        reconstruction = ReconstructionLoss(models, target, weights)
        factors = self._descend(models, reconstruction, pivot, on_step)
        dtype = storage_dtype(factors)  # what is drawn now is what the file will draw
        rounded = {name: factor.to(dtype).float() for name, factor in factors.items()}
        return GeneratorDelta(rounded, models.generator_fingerprint, {"method": self.name, **asdict(self)})

    def _descend(
        self, models: Models, reconstruction: ReconstructionLoss, pivot: Latent, on_step: OnStep
    ) -> dict[str, Tensor]:
        """The factors at the step of the best picture of the pivot."""
        random = torch.Generator().manual_seed(self.seed)
        factors = initial_factors(models.generator, self.rank, random)
        optimizer = torch.optim.Adam([*factors.values()], lr=self.lr)
        lowest, best = math.inf, factors
        for i in range(self.steps):
            parts = self._losses(models, reconstruction, factors, pivot, random)
            loss = total(parts, i)
            alike = (loss - parts.get("locality", 0.0)).item()
            if alike < lowest:
                lowest, best = alike, {name: factor.detach().clone() for name, factor in factors.items()}
            values = {name: part.item() for name, part in parts.items()}
            on_step(Step(i + 1, self.steps, {"loss": loss.item(), **values}, pivot, self.name))
            optimizer.param_groups[0]["lr"] = self.lr * inversion_schedule(i / self.steps)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return best

    def _losses(
        self,
        models: Models,
        reconstruction: ReconstructionLoss,
        factors: Mapping[str, Tensor],
        pivot: Latent,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        """The weighted losses [1] of the tuned generator at the pivot and elsewhere."""
        if not self.lambda_locality:
            return reconstruction(render_tuned(models.generator, factors, pivot))
        other = self._locality_latent(models.generator, pivot, random)
        images = render_tuned(models.generator, factors, Latent.cat([pivot, other]))
        locality = self._locality_loss(models, other, images[1:])
        return {**reconstruction(images[:1]), "locality": self.lambda_locality * locality}

    @torch.no_grad()
    def _locality_latent(self, generator: Generator, pivot: Latent, random: torch.Generator) -> Latent:
        """`w_r = w_p + alpha (w_z - w_p) / |w_z - w_p|`, no further than w_z (PTI, section 3.3)."""
        z = torch.randn(1, generator.config.z_dim, generator=random).to(pivot.data)
        towards = generator.to_space(Latent(Space.Z, z), Space.W_PLUS).data - pivot.data
        return Latent(Space.W_PLUS, pivot.data + min(1.0, self.alpha / towards.norm().item()) * towards)

    def _locality_loss(self, models: Models, latent: Latent, image: Tensor) -> Tensor:
        """[1]: how far the tuned generator's picture `image` of this latent is from the untouched one's."""
        with torch.no_grad():
            before = models.generator(latent)
        loss = self.lambda_pixel * pixel_loss(image, pyramid(before))
        if self.lambda_perceptual and (perceptual := models.perceptual()):
            loss = loss + self.lambda_perceptual * perceptual.distance(image, before)
        return loss


def render_tuned(generator: Generator, factors: Mapping[str, Tensor], latent: Latent) -> Tensor:
    """The pictures [N, 3, R, R] of the tuned generator, with a gradient for the factors alone."""
    weights = generator.state_dict(keep_vars=True)
    tuned = {name: weights[name] + change for name, change in weight_changes(factors, weights).items()}
    image: Tensor = functional_call(generator, tuned, (latent,))
    return image


def initial_factors(generator: Generator, rank: int, random: torch.Generator) -> dict[str, Tensor]:
    """Factors of no change: the left ones and whole changes are zero, the right ones random and as large as weights."""
    factors = {}
    for name, weight in tunable_weights(generator).items():
        if weight.ndim == 4 and weight.shape[-1] > 1:
            narrow = min(rank, *weight.flatten(1).shape)
            right = torch.randn(narrow, weight[0].numel(), generator=random).to(weight) / math.sqrt(narrow)
            factors[name + LEFT_SUFFIX] = weight.new_zeros(len(weight), narrow)
            factors[name + RIGHT_SUFFIX] = right * weight.std()
        else:
            factors[name] = torch.zeros_like(weight)
    return {name: factor.requires_grad_(True) for name, factor in factors.items()}
