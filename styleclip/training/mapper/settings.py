"""Settings of the training of latent mappers. Nothing here imports torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from styleclip.errors import UsageError
from styleclip.settings import MAX_BATCH, MAX_PSI, LossResolution, TextEncoding, check_limits, resolve, setting

if TYPE_CHECKING:
    from styleclip.models import Models


@dataclass(frozen=True)
class MapperTraining:
    """`loss = lambda_clip * CLIP + lambda_id * (1 - identity) + lambda_l2 * mean(step^2)` (StyleCLIP, equation 4).

    The defaults are those of StyleCLIP's mapper/options/train_options.py, but for the steps and the batch: it takes
    50,000 steps of 2 latents. A field left at None takes the value that suits the generator, else the default; given
    levels choose W+. With `prior` "samples" lambda_l2 weighs the squared length of the whitened distance from the
    prior, as in `Optimize`: in S over all channels, in W+ the mean over the vectors, as with `layers` "tied".

    Example:
        train_mappers(models, [Prompt("a surprised face")], MapperTraining(steps=500), [path], folder)
    """

    steps: int = setting(2000, "Training steps, at most.", least=1, per_model=True)
    batch_size: int = setting(16, "Latents per step, over all processes.", least=1, most=MAX_BATCH, per_model=True)
    lr: float = setting(0.5, "Peak learning rate; large, since the layers have lr_mul 0.01.", above=0, per_model=True)
    lambda_clip: float = setting(1.0, "Weight of the CLIP loss.", least=0, per_model=True)
    lambda_id: float = setting(
        0.1, "Weight of the identity loss; 0 does without the face-recognition network.", least=0, per_model=True
    )
    goal: Literal["text", "samples"] = setting(
        "text", "What CLIP shall see: the text, or what samples that show it have and a face lacks.", per_model=True
    )
    prior: Literal["source", "samples"] = setting(
        "source",
        "Where the L2 loss is measured from: the source, or the step from samples like it to those that show the text.",
        per_model=True,
    )
    strength: float = setting(
        1.0, "Length of the step between samples, for goal and prior: 1 is their mean.", per_model=True
    )
    samples: int = setting(2000, "Samples that goal and prior are computed from, at least.", least=20, advanced=True)
    warm_start: int = setting(
        0,
        "Steps of regression to the step of the samples before the training; they render nothing.",
        least=0,
        per_model=True,
        advanced=True,
    )
    lambda_l2: float = setting(
        0.8,
        "Weight of the mean square of the step, in s of the sum over the layers; or of the squared distance from "
        "--prior samples.",
        least=0,
        per_model=True,
    )
    clip_loss: Literal["global", "directional"] = setting(
        "global", "CLIP loss: distance to the text, or along the direction between the texts.", per_model=True
    )
    reach: float = setting(
        1.0, "Length of the step in CLIP space, for the directional loss.", least=0, per_model=True, advanced=True
    )
    space: Literal["w+", "s"] = setting("w+", "Latent space the mapper works in.", per_model=True)
    levels: tuple[str, ...] | None = setting(
        ("coarse", "medium", "fine"),
        "Which W+ levels get a mapper: coarse, medium, fine; all uses a single network.",
        per_model=True,
        metavar="LIST",
    )
    torgb: bool = setting(False, "In s: let toRGB channels move, too.", per_model=True)
    optimizer: Literal["adam", "ranger"] = setting(
        "adam", "Adam, or the published Ranger: RAdam with Lookahead.", advanced=True
    )
    text: TextEncoding = setting("prompt", "The text as it is, or averaged over CLIP's prompt templates.", option="")
    loss_resolution: LossResolution = setting(
        "auto", "Resolution of the images that the losses see; auto is no less than CLIP sees.", metavar="auto|full|PX"
    )
    num_latents: int = setting(5000, "Samples to train on, without --latents.", least=1)
    psi: float = setting(1.0, "Truncation of the samples.", least=-MAX_PSI, most=MAX_PSI)
    held_out: int = setting(32, "Latents never trained on, which choose the best weights.", least=1)
    evaluate_every: int = setting(25, "Validate every N steps.", least=1)
    patience: int = setting(8, "Stop after N validations without improvement.", least=1)
    seed: int = setting(0, "Random seed of samples and initial weights.", least=0, most=2**32 - 1)

    name: ClassVar[str] = "train-mapper"

    def __post_init__(self) -> None:
        check_limits(self)
        if self.levels is not None:
            self._check_levels()

    def resolve(self, models: Models) -> MapperTraining:
        """These settings with those filled in that were left open."""
        suited = models.defaults.get(self.name, {})
        suited = {name: tuple(value) if isinstance(value, list) else value for name, value in suited.items()}
        if self.levels is not None:
            suited["space"] = "w+"
        in_s = (self.space or suited.get("space")) == "s"
        return resolve(self, suited, keep_open=("levels",) if in_s else ())

    def _check_levels(self) -> None:
        from styleclip.networks.latent_mapper import LEVELS

        levels = self.levels or ()
        if self.space == "s":
            raise UsageError(
                "levels belong to W+; leave them out in style space, where every layer has its own network"
            )
        if unknown := [level for level in levels if level not in LEVELS]:
            raise UsageError(f"{unknown[0]!r} is no level; choose from {', '.join(LEVELS)}")
        if not levels or len(set(levels)) < len(levels) or ("all" in levels and levels[1:]):
            raise UsageError(f"levels are {', '.join(levels) or 'none'}; name each once, or all by itself")
