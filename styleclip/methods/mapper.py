"""Editor 2: a small network, trained for one text, says for each latent how it has to move (StyleCLIP, section 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from styleclip.errors import UsageError
from styleclip.latents import Direction, Latent
from styleclip.methods.mapper_files import TrainedMapper, load_trained_mapper
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt


@dataclass(frozen=True)
class LatentMapper:
    """`latent + strength * 0.1 * mapper(latent)`, by a mapper that `styleclip train-mapper` or StyleCLIP trained.

    `mapper` is the path of its file, which is read at each call, or what `load_trained_mapper` made of it.
    """

    mapper: TrainedMapper | str | Path
    strength: float = 1.0  # of what was trained; negative reverses the edit

    name: ClassVar[str] = "mapper"

    def __post_init__(self) -> None:
        if not math.isfinite(self.strength):
            raise UsageError(f"strength is {self.strength}; it must be a finite number")

    def settings(self, models: Models) -> dict[str, Any]:
        """The strength, and what the mapper is."""
        trained = self.trained(models)
        return {"strength": self.strength, "mapper": dict(trained.about)}

    def trained(self, models: Models) -> TrainedMapper:
        """The mapper; raises WeightError for a file without one, and for one of another generator."""
        return self.mapper if isinstance(self.mapper, TrainedMapper) else load_trained_mapper(self.mapper, models)

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in the space of the mapper. The prompt is that of the mapper and has no effect here."""
        trained = self.trained(models)
        source = models.generator.to_space(latent.detach(), trained.network.space)
        step = trained.direction(source)
        edited = source + Direction(source.space, (self.strength * step.data).to(source.data))
        on_step(Step(1, 1, {"loss": 0.0}, edited))
        return edited
