"""Editors that the evaluation is tested with: one that changes nothing, and one that changes everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


@dataclass(frozen=True)
class Nothing:
    """An editor that leaves everything as it is."""

    name: ClassVar[str] = "nothing"

    def settings(self, models: Models) -> dict[str, Any]:
        return {}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        return latent


@dataclass(frozen=True)
class Scramble(Nothing):
    """An editor that turns everybody into the next person."""

    name: ClassVar[str] = "scramble"

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        return Latent(latent.space, latent.data.roll(1, 0))
