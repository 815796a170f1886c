"""Pivotal tuning (PTI, Roich et al. 2021): fine-tune the generator so that a latent, the pivot, draws one picture.

The result is a small change of the synthesis weights, as in LoRA (Hu et al. 2021): for the weight [O, I, 3, 3] of a
convolution the product of factors [O, rank] and [rank, 9 I], a whole change for biases and toRGB. At rank 16 it has
0.97 million numbers for the generator of FFHQ at 1024 px, 1.9 MB in half precision; the generator has 121 MB.
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
from styleclip.inversion.generator_delta import (
    LEFT_SUFFIX,
    RIGHT_SUFFIX,
    GeneratorDelta,
    storage_dtype,
    tunable_weights,
    weight_changes,
)
from styleclip.inversion.losses import LossWeights, ReconstructionLoss, pixel_loss, pyramid, total_loss
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.networks.generator import Generator
from styleclip.progress import OnStep, Step, ignore
from styleclip.runtime.gradients import with_gradients
from styleclip.schedules import inversion_schedule
from styleclip.settings import check_limits, setting


@dataclass(frozen=True)
class PivotalTuning:
    """Fine-tune the generator with Adam: `loss = reconstruction at the pivot + lambda_locality * locality`.

    The locality loss compares the tuned with the untouched generator at a latent `w_r` between the pivot and a random
    sample (PTI, section 3.3). Without it edits, which leave the pivot, would leave what was tuned.

    Args:
        steps, lr: of Adam; `lr` is the peak of `inversion_schedule`.
        rank: of the change of a convolution.
        lambda_pixel, lambda_perceptual, lambda_identity: weights of the losses (`LossWeights`).
        lambda_locality: weight of the locality loss; at 0 it is not computed.
        alpha: distance of `w_r` from the pivot in W+, at most that of the sample.
        seed: of the factors and the samples.

    Example:
        delta = PivotalTuning()(models, inversion.target, inversion.latent)
        editor = Editor(delta.apply(models))
    """

    steps: int = setting(150, "Optimization steps.", least=1)
    lr: float = setting(0.005, "Peak learning rate of Adam.", least=0)
    rank: int = setting(16, "Rank of the change of a convolution.", least=1)
    lambda_pixel: float = setting(1.0, "Weight of the squared difference of pixels.", least=0)
    lambda_perceptual: float = setting(1.0, "Weight of LPIPS.", least=0)
    lambda_identity: float = setting(0.1, "Weight of the identity loss; at 0 the recogniser never runs.", least=0)
    lambda_locality: float = setting(0.3, "Weight of the locality loss; at 0 it is not computed.", least=0)
    alpha: float = setting(30.0, "Distance in W+ from the pivot at which locality is measured.", least=0)
    seed: int = setting(0, "Random seed of the factors and samples.")

    name: ClassVar[str] = "tune"

    def __post_init__(self) -> None:
        check_limits(self)

    @with_gradients
    def __call__(self, models: Models, target: Tensor, pivot: Latent, on_step: OnStep = ignore) -> GeneratorDelta:
        """The change with which `pivot`, one latent in W or W+, draws `target` [1, 3, H, W] in [-1, 1].

        The generator of `models` is not changed. Raises UsageError for a batch, NumericError when the loss becomes NaN
        or infinite.
        """
        if len(target) != 1 or len(pivot) != 1:
            raise UsageError(f"tuning takes one picture and one latent, got {len(target)} and {len(pivot)}; tune each")
        with torch.no_grad():
            pivot = Latent(Space.W_PLUS, models.generator.to_space(pivot.to(models.device), Space.W_PLUS).data.clone())
        weights = LossWeights(self.lambda_pixel, self.lambda_perceptual, self.lambda_identity)
        reconstruction = ReconstructionLoss(models, target, weights)
        factors = self._optimize(models, reconstruction, pivot, on_step)
        dtype = storage_dtype(factors)  # rounded as in the file, so that the file draws the same pictures
        rounded = {name: factor.to(dtype).float() for name, factor in factors.items()}
        return GeneratorDelta(rounded, models.generator_fingerprint, {"method": self.name, **asdict(self)})

    def _optimize(
        self, models: Models, reconstruction: ReconstructionLoss, pivot: Latent, on_step: OnStep
    ) -> dict[str, Tensor]:
        """The factors of the step with the lowest reconstruction loss."""
        random = torch.Generator().manual_seed(self.seed)
        factors = initial_factors(models.generator, self.rank, random)
        optimizer = torch.optim.Adam([*factors.values()], lr=self.lr)
        lowest, best = math.inf, factors
        for i in range(self.steps):
            losses = self._losses(models, reconstruction, factors, pivot, random)
            loss = total_loss(losses, i)
            at_pivot = (loss - losses.get("locality", 0.0)).item()
            if at_pivot < lowest:
                lowest, best = at_pivot, {name: factor.detach().clone() for name, factor in factors.items()}
            values = {name: value.item() for name, value in {"loss": loss, **losses}.items()}
            on_step(Step(i + 1, self.steps, values, pivot, self.name))
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
        """The weighted losses [1] of the tuned generator at the pivot, and of locality."""
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
        to_sample = generator.to_space(Latent(Space.Z, z), Space.W_PLUS).data - pivot.data
        return Latent(Space.W_PLUS, pivot.data + min(1.0, self.alpha / to_sample.norm().item()) * to_sample)

    def _locality_loss(self, models: Models, latent: Latent, image: Tensor) -> Tensor:
        """[1]: the difference of the tuned generator's picture `image` of this latent from the untouched one's."""
        with torch.no_grad():
            before = models.generator(latent)
        loss = self.lambda_pixel * pixel_loss(image, pyramid(before))
        if self.lambda_perceptual and (perceptual := models.perceptual()):
            loss = loss + self.lambda_perceptual * perceptual.distance(image, before)
        return loss


def render_tuned(generator: Generator, factors: Mapping[str, Tensor], latent: Latent) -> Tensor:
    """The pictures [N, img_channels, H, W] of the tuned generator; gradients go to the factors alone."""
    weights = generator.state_dict(keep_vars=True)
    tuned = {name: weights[name] + change for name, change in weight_changes(factors, weights).items()}
    image: Tensor = functional_call(generator, tuned, (latent,))
    return image


def initial_factors(generator: Generator, rank: int, random: torch.Generator) -> dict[str, Tensor]:
    """Factors of a change of zero: left factors and whole changes are 0, right factors random, scaled as the weight."""
    factors = {}
    torgb = {f"synthesis.{entry.name}.weight" for entry in generator.layout.entries if entry.is_torgb}
    for name, weight in tunable_weights(generator).items():
        if weight.ndim > 1 and name not in torgb:
            narrow = min(rank, *weight.flatten(1).shape)
            right = torch.randn(narrow, weight[0].numel(), generator=random).to(weight) / math.sqrt(narrow)
            factors[name + LEFT_SUFFIX] = weight.new_zeros(len(weight), narrow)
            factors[name + RIGHT_SUFFIX] = right * weight.std()
        else:
            factors[name] = torch.zeros_like(weight)
    return {name: factor.requires_grad_(True) for name, factor in factors.items()}
