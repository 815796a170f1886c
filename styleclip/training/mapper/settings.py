"""How a latent mapper is trained: the settings, checked, and what they are where they were left open."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch

from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.models import Models
from styleclip.networks.batch_size import TRAIN, max_batch
from styleclip.networks.latent_mapper import LEVELS, LevelsMapper, Mapper, StyleMapper
from styleclip.networks.stylegan2 import Generator
from styleclip.settings import LossResolution, TextEncoding, check_settings

# StyleCLIP's values (its mapper/options/train_options.py), but for the steps and the batch: 50,000 of 2, with all
# recomputed in each. A generator may come with others (checkpoints/catalog.toml).
PUBLISHED: dict[str, Any] = {
    "steps": 2000,
    "batch_size": 16,
    "lr": 0.5,
    "lambda_clip": 1.0,
    "lambda_id": 0.1,
    "lambda_l2": 0.8,
    "clip_loss": "global",
    "reach": 1.0,
    "levels": ("coarse", "medium", "fine"),
}

CHOICES = {
    "clip_loss": (None, "global", "directional"),
    "space": ("w+", "s"),
    "optimizer": ("adam", "ranger"),
    "text": ("prompt", "ensemble"),
}


@dataclass(frozen=True)
class MapperTraining:
    """`loss = lambda_clip * CLIP + lambda_id * (1 - identity) + lambda_l2 * mean(step^2)` (StyleCLIP, equation 4).

    A field left at None takes the value that suits the generator, else that of `PUBLISHED`.
    """

    steps: int | None = None
    batch_size: int | None = None  # latents per step, over all processes
    lr: float | None = None  # peak learning rate; the layers have lr_mul 0.01, so it is large
    lambda_clip: float | None = None
    lambda_id: float | None = None  # weight of the identity loss; 0 never runs the recogniser
    lambda_l2: float | None = None  # weight of the mean square of the step; in s the sum of those of the layers
    clip_loss: Literal["global", "directional"] | None = None
    reach: float | None = None  # length of the directional step in CLIP space
    space: Literal["w+", "s"] = "w+"
    levels: tuple[str, ...] | None = None  # of W+: coarse, medium, fine; or all, one network for every vector
    torgb: bool = False  # in s: whether the styles of toRGB layers move
    optimizer: Literal["adam", "ranger"] = "adam"  # ranger, published: RAdam with Lookahead
    text: TextEncoding = "prompt"
    loss_resolution: LossResolution = "auto"
    num_latents: int = 5000  # samples to train on, where no latents are given
    psi: float = 1.0  # truncation of the samples
    held_out: int = 32  # latents never trained on, by which the best mapper is chosen
    evaluate_every: int = 25  # steps between two looks at them
    patience: int = 8  # stop when so many looks in a row bring nothing new
    seed: int = 0

    name: ClassVar[str] = "train-mapper"

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "num_latents", "held_out", "evaluate_every", "patience")
        check_settings(self, counts, ("lr", "lambda_clip", "lambda_id", "lambda_l2", "reach"))
        if not math.isfinite(self.psi) or not 0 <= self.seed < 2**32:
            raise UsageError(f"psi is {self.psi} and seed {self.seed}; psi must be finite, seed from 0 to {2**32 - 1}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(filter(None, known))}")
        self._check_levels()

    def _check_levels(self) -> None:
        if self.levels is None:
            return
        if self.space == "s":
            raise UsageError(
                "levels belong to W+; leave them out in style space, where every layer has its own network"
            )
        if unknown := [level for level in self.levels if level not in LEVELS]:
            raise UsageError(f"{unknown[0]!r} is no level; choose from {', '.join(LEVELS)}")
        if not self.levels or len(set(self.levels)) < len(self.levels) or ("all" in self.levels and self.levels[1:]):
            raise UsageError(f"levels are {', '.join(self.levels) or 'none'}; name each once, or all by itself")

    def settled(self, models: Models) -> MapperTraining:
        """These settings with those filled in that were left open."""
        suited = {**PUBLISHED, **models.defaults.get(self.name, {})}
        if self.space == "s":
            del suited["levels"]
        own = {name: value for name, value in suited.items() if getattr(self, name) is None}
        if "levels" in own:
            own["levels"] = tuple(own["levels"])
        return dataclasses.replace(self, **own)

    def network(self, generator: Generator) -> Mapper:
        """A new mapper of this kind on the CPU; the global random state is kept."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            if self.space == "s":
                return StyleMapper(generator.layout, self.torgb)
            return LevelsMapper(self.levels or (), generator.config.w_dim)

    def micro_batch(self, generator: Generator, side: int, prompts: int) -> int:
        """How many latents are edited at once, for so many prompts, if the losses see pictures of `side` px."""
        return max(1, max_batch(generator, TRAIN, side) // prompts)

    @property
    def latent_space(self) -> Space:
        return Space(self.space)
