"""How an encoder is trained: the settings, checked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np
import torch
from torch import nn

from styleclip.errors import UsageError
from styleclip.networks.arcface import FRAME, WIDTHS
from styleclip.networks.e4e import DEEPEST, Combination, Encoder, EncoderConfig
from styleclip.networks.layers import EqualLinear
from styleclip.networks.stylegan2 import Generator
from styleclip.settings import check_settings

NEAR = 0.1  # of the standard start of the last layers: the first codes are near the average w


@dataclass(frozen=True)
class EncoderTraining:
    """The losses of e4e (Tov et al. 2021, equations 4 to 9), with its weights, and one on latents that are known.

    `lambda_l2 * L2 + lambda_perceptual * LPIPS + lambda_id * (1 - identity) + lambda_delta * |delta_i| +
    lambda_adversary * D(w_i) + lambda_latent * L2 of w`. Where the backbone of LPIPS or a recogniser is absent the
    features of CLIP stand in, as those of MoCo do in e4e. The last term counts for the samples among the pictures.
    """

    steps: int = 100_000
    batch_size: int = 8
    lr: float = 1e-4
    samples: float = 0.5  # the share of a batch that the generator draws, so that its latents are known
    lambda_l2: float = 1.0
    lambda_perceptual: float = 0.8
    lambda_id: float = 0.5
    lambda_delta: float = 2e-4
    lambda_adversary: float = 0.1
    lambda_latent: float = 1.0  # of the squared distance to the known w, over the variance of w
    deltas_from: float = 0.1  # the first offset joins after this share of the steps
    deltas_every: float = 0.01  # and one more after every such share (e4e, section 5.2, progressive training)
    lr_discriminator: float = 2e-5
    r1: float = 10.0  # weight of the gradient penalty of the discriminator, on every R1_EVERY-th step
    decay: float = 0.999  # of the running mean of the weights, which is the encoder that is kept
    flip: bool = True  # whether photos are mirrored at random
    jitter: float = 0.0  # errors of alignment the encoder learns to see through, in sides of the picture and radians
    kind: Combination = "e4e"
    widths: tuple[int, ...] = WIDTHS  # channels of the trunk
    frame: int = FRAME  # px of the pictures that the encoder sees, a power of 2
    leak: float = 0.01  # slope of the leaky ReLU behind the trunk; learning from nothing is faster with 0.2
    held_out: int = 64  # pictures never trained on, by which the training is watched
    evaluate_every: int = 500  # steps between two looks at them
    seed: int = 0

    name: ClassVar[str] = "train-encoder"

    def __post_init__(self) -> None:
        weights = [field.name for field in dataclasses.fields(self) if field.type == "float"]
        check_settings(self, ("steps", "batch_size", "held_out", "evaluate_every", "frame"), weights)
        if self.samples > 1 or self.decay >= 1:
            raise UsageError(f"samples is {self.samples} and decay {self.decay}; samples is at most 1, decay below 1")
        if self.frame < DEEPEST or self.frame & (self.frame - 1):
            raise UsageError(f"frame is {self.frame}; it must be a power of 2, at least {DEEPEST}")
        if len(self.widths) != len(WIDTHS) or min(self.widths) < 1:
            raise UsageError(f"widths are {self.widths}; give the channels of the {len(WIDTHS)} stages")
        self._check_the_rest()

    def _check_the_rest(self) -> None:
        if self.kind not in get_args(Combination) or self.leak > 1:
            raise UsageError(f"kind is {self.kind!r} and leak {self.leak}; choose e4e or psp, and at most 1")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed is {self.seed}; choose one from 0 to {2**32 - 1}")
        if not (self.lambda_l2 or self.lambda_perceptual or self.lambda_id or self.lambda_latent):
            raise UsageError("nothing is asked for; give lambda_l2, lambda_perceptual, lambda_id or lambda_latent")
        if self.batch_size == 1 and self.frame == DEEPEST:
            raise UsageError(f"one picture of {DEEPEST} px is no batch to normalise; raise batch_size or frame")

    def random(self, purpose: str, step: int) -> torch.Generator:
        """Random numbers that follow from the seed, the step and what they are for.

        They are mixed, because torch takes only the lower 32 bits of a seed.
        """
        mixed = np.random.SeedSequence([self.seed, step, *purpose.encode()]).generate_state(1)
        return torch.Generator().manual_seed(int(mixed[0]))

    def network(self, generator: Generator) -> Encoder:
        """A new encoder of this shape on the CPU, which starts from the average w; the global random state is kept."""
        shape = (generator.num_ws, self.kind, generator.config.w_dim, self.widths, self.frame, self.leak)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            encoder = Encoder(EncoderConfig(*shape))
            for module in encoder.styles.modules():  # He et al. 2015: torch's own start fades layer by layer
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, a=self.leak)
                elif isinstance(module, EqualLinear):
                    nn.init.normal_(module.weight, std=NEAR)
        encoder.w_avg.copy_(generator.w_avg)
        return encoder

    def active_deltas(self, step: int, deltas: int) -> int:
        """How many of the offsets are active in this step."""
        progress = step / self.steps - self.deltas_from
        if progress < 0:
            return 0
        return deltas if progress >= deltas * self.deltas_every else 1 + int(progress / self.deltas_every)
