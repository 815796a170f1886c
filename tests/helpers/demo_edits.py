"""Editors that the evaluation is tested with: they change nothing or everybody, or refuse prompts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from styleclip.errors import UsageError
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


@dataclass(frozen=True)
class Refusing(Nothing):
    """An editor that refuses some prompts, after as many edits as it is told."""

    name: ClassVar[str] = "refusing"
    refused: tuple[str, ...] = ()
    after: int = 0
    done: list[str] = field(default_factory=list)

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        if prompt.target in self.refused and self.done.count(prompt.target) >= self.after:
            raise UsageError(f"{prompt.target!r} asks too much; ask for less")
        self.done.append(prompt.target)
        return latent
