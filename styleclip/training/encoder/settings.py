"""Settings of the training of encoders. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from styleclip.errors import UsageError
from styleclip.networks.encoder_config import FRAME_PX, MAX_DOWNSAMPLING, WIDTHS, Combination
from styleclip.settings import MAX_BATCH, check_limits, setting


@dataclass(frozen=True)
class EncoderTraining:
    """The losses of e4e (Tov et al. 2021, equations 4 to 9), with its weights, and one on latents that are known.

    `lambda_l2 * L2 + lambda_perceptual * LPIPS + lambda_id * (1 - identity) + lambda_delta * |delta_i| +
    lambda_adversary * D(w_i) + lambda_latent * L2 of w`. Where the backbone of LPIPS or a recogniser is absent the
    features of CLIP stand in, as those of MoCo do in e4e. The last term counts for the samples among the images. The
    offsets of e4e join one by one (section 5.2).

    Example:
        train_encoder(models, None, EncoderTraining(steps=2000, frame=64, widths=(16, 32, 48, 64)), path, folder)
    """

    steps: int = setting(100_000, "Training steps.", least=1)
    batch_size: int = setting(8, "Images per step.", least=1, most=MAX_BATCH)
    lr: float = setting(1e-4, "Peak learning rate of Adam.", least=0)
    samples: float = setting(0.5, "Fraction of a batch that are samples, whose latents are known.", least=0, most=1)
    lambda_l2: float = setting(1.0, "Weight of the squared error of pixels.", least=0)
    lambda_perceptual: float = setting(0.8, "Weight of LPIPS.", least=0)
    lambda_id: float = setting(0.5, "Weight of the identity loss.", least=0)
    lambda_delta: float = setting(2e-4, "Weight of the length of the offsets.", least=0)
    lambda_adversary: float = setting(0.1, "Weight of the discriminator of latents.", least=0)
    lambda_latent: float = setting(
        1.0, "Weight of the squared distance to the known w, over the variance of w.", least=0
    )
    deltas_from: float = setting(0.1, "Fraction of the steps after which the first offset joins.", least=0)
    deltas_every: float = setting(0.01, "Fraction of the steps after which one more joins.", least=0)
    lr_discriminator: float = setting(2e-5, "Learning rate of the discriminator.", least=0, advanced=True)
    r1: float = setting(10.0, "Weight of the gradient penalty of the discriminator.", least=0, advanced=True)
    decay: float = setting(
        0.999, "Decay of the moving average of the weights, which is kept.", least=0, most=1, advanced=True
    )
    flip: bool = setting(True, "Mirror images at random.")
    jitter: float = setting(
        0.0, "Random misalignment of the inputs, in sides of the image and in radians.", least=0, advanced=True
    )
    kind: Combination = setting("e4e", "How the vectors of W+ combine: offsets to one w, or independent.")
    widths: tuple[int, ...] = setting(WIDTHS, "Channels of the trunk's stages.", metavar="N,N,N,N")
    frame: int = setting(FRAME_PX, "Resolution in px of the encoder's input, a power of 2.", least=1, most=4096)
    leak: float = setting(
        0.01,
        "Slope of the leaky ReLU behind the trunk; 0.2 trains faster.",
        least=0,
        most=1,
        advanced=True,
    )
    held_out: int = setting(64, "Images never trained on, for validation.", least=1)
    evaluate_every: int = setting(500, "Validate every N steps.", least=1)
    seed: int = setting(0, "Random seed of samples and initial weights.", least=0, most=2**32 - 1)

    name: ClassVar[str] = "train-encoder"

    def __post_init__(self) -> None:
        check_limits(self)
        if self.decay >= 1:
            raise UsageError(f"decay is {self.decay}; it must be below 1")
        if self.frame < MAX_DOWNSAMPLING or self.frame & (self.frame - 1):
            raise UsageError(f"frame is {self.frame}; it must be a power of 2, at least {MAX_DOWNSAMPLING}")
        if len(self.widths) != len(WIDTHS) or min(self.widths) < 1:
            raise UsageError(f"widths are {self.widths}; give the channels of the {len(WIDTHS)} stages")
        if not (self.lambda_l2 or self.lambda_perceptual or self.lambda_id or self.lambda_latent):
            raise UsageError("nothing is asked for; give lambda_l2, lambda_perceptual, lambda_id or lambda_latent")
        if self.batch_size == 1 and self.frame == MAX_DOWNSAMPLING:
            raise UsageError(
                f"one picture of {MAX_DOWNSAMPLING} px is no batch to normalise; raise batch_size or frame"
            )

    def active_deltas(self, step: int, deltas: int) -> int:
        """How many of the offsets are active in this step."""
        progress = step / self.steps - self.deltas_from
        if progress < 0:
            return 0
        return deltas if progress >= deltas * self.deltas_every else 1 + int(progress / self.deltas_every)
