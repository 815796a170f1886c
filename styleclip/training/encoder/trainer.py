"""One step of the training of an encoder and its discriminator, and the validation of the averaged encoder."""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.errors import NumericError, WeightError
from styleclip.images import to_rgb
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.networks.discriminator import LatentDiscriminator
from styleclip.networks.e4e import Encoder
from styleclip.networks.encoder_config import EncoderConfig
from styleclip.networks.generator import Generator
from styleclip.networks.layers import EqualLinear
from styleclip.schedules import projector_schedule
from styleclip.training.checkpoint import Stateful
from styleclip.training.ema import moving_average
from styleclip.training.encoder.data import EncoderBatches, ImageDataset
from styleclip.training.encoder.losses import EncoderLosses
from styleclip.training.encoder.settings import EncoderTraining

R1_EVERY = 16  # steps between two gradient penalties
MAX_GRADIENT = 5.0  # norm
LAST_LAYER_STD = 0.1  # of the initial weights of the last layers, whose standard is 1


class EncoderTrainer:
    """An encoder, the moving average of its weights, which is kept, and a discriminator of latents."""

    def __init__(
        self, models: Models, images: ImageDataset | None, training: EncoderTraining, start: Encoder | None
    ) -> None:
        self.models, self.training = models, training
        self.batches = EncoderBatches(models, images, training)
        self.losses = EncoderLosses(models, training)
        self.encoder = _initial_encoder(models, training, start).to(models.device).train()
        self.average = moving_average(self.encoder, training.decay, warm_up=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.discriminator = LatentDiscriminator(models.generator.config.w_dim).to(models.device)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=training.lr)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=training.lr_discriminator)

    @property
    def averaged_encoder(self) -> Encoder:
        return cast(Encoder, self.average.module)

    @property
    def state(self) -> dict[str, Stateful]:
        """The parts of a checkpoint."""
        return {
            "encoder": self.encoder,
            "average": self.average,
            "discriminator": self.discriminator,
            "optimizer": self.optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def step(self, step: int) -> dict[str, float]:
        """One step of the encoder and of the discriminator; the losses by name."""
        images, known_w = self.batches.at(step)

        # Encoder.
        losses, codes = self.losses(self.encoder, self.discriminator, images, known_w, step)
        total = torch.stack([*losses.values()]).sum()
        if not total.isfinite():
            raise _not_finite(step + 1)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), MAX_GRADIENT)
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * projector_schedule((step + 0.5) / self.training.steps)
        self.optimizer.step()

        # Discriminator.
        if self.training.lambda_adversary:
            losses["critic"] = self._discriminator_step(codes, step)

        # Moving average.
        self.average.update_parameters(self.encoder)
        return {"loss": total.item(), **{name: loss.item() for name, loss in losses.items()}}

    @torch.no_grad()
    def validate(self, step: int) -> tuple[dict[str, float], Tensor, Tensor]:
        """Scores of the averaged encoder on the held-out images, these images and their reconstructions."""
        images = self.batches.held_out()
        codes = torch.cat([self.averaged_encoder.encode(few) for few in images.split(self.training.batch_size)])
        rendered = to_rgb(self.models.render(Latent(Space.W_PLUS, codes)))
        if not rendered.isfinite().all():
            raise _not_finite(step)
        scores = {"l1": (rendered - images).abs().mean().item(), "l2": F.mse_loss(rendered, images).item()}
        if (recogniser := self.models.identity) is not None:
            scores["identity"] = similarity(recogniser.embed(rendered), recogniser.embed(images)).mean().item()
        return scores, images, rendered

    def _discriminator_step(self, codes: Tensor, step: int) -> Tensor:
        """One step against as many w as there are vectors in the codes [N, num_ws, w_dim]; the loss."""
        real = self.batches.sample_w("critic", step, codes.shape[0] * codes.shape[1])
        penalised = self.training.r1 > 0 and step % R1_EVERY == 0
        loss = self.losses.discriminator_loss(self.discriminator, codes, real, penalised)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.discriminator_optimizer.step()
        return loss


def new_encoder(training: EncoderTraining, generator: Generator) -> Encoder:
    """A new encoder on the CPU whose codes are near the average w; the global random state is kept."""
    kind, widths, frame, leak = training.kind, training.widths, training.frame, training.leak
    config = EncoderConfig(generator.num_ws, kind, generator.config.w_dim, widths, frame, leak)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        encoder = Encoder(config)
        for module in encoder.styles.modules():  # He et al. 2015: with torch's own, signals fade layer by layer
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=leak)
            elif isinstance(module, EqualLinear):
                nn.init.normal_(module.weight, std=LAST_LAYER_STD)
    encoder.w_avg.copy_(generator.w_avg)
    return encoder


def _initial_encoder(models: Models, training: EncoderTraining, start: Encoder | None) -> Encoder:
    """A new encoder, with the weights of `start`; raises WeightError where that has another shape.

    One for the generator that this one was grown from is taken as well, its last head for those of the new vectors.
    """
    encoder = new_encoder(training, models.generator)
    if start is not None:
        start = copy.deepcopy(start)
        start.add_rows(models.generator)
        start.add_heads()
        if start.config != encoder.config:
            raise WeightError(f"the encoder to start with is {start.config}, not {encoder.config}; pass another")
        encoder.load_state_dict(start.state_dict())
    return encoder


def _not_finite(step: int) -> NumericError:
    return NumericError(f"the loss of the encoder is not finite at step {step}; lower --lr")
