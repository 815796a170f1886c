"""The editors of an evaluation, and two that bound every figure: one does nothing, one draws another face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, ClassVar

import torch

from styleclip.evaluate.held_out.measurements import NOTHING, RANDOM
from styleclip.latents import Latent, Space
from styleclip.methods.base import Method, reads_claims
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.seeds import sample_z
from styleclip.settings import MAX_SEED


@dataclass(frozen=True)
class MeasuredEditor:
    """An editor with the label of its rows.

    Args:
        label: in tables.
        method: for every prompt; or prompt -> method, for mappers, which edit towards the text they were trained for.
    """

    label: str
    method: Method | Mapping[str, Method]

    def of(self, prompt: Prompt) -> Method | None:
        """The method that edits towards a prompt."""
        return self.method.get(prompt.target) if isinstance(self.method, Mapping) else self.method

    def settings(self, models: Models) -> dict[str, Any]:
        """For the record."""
        if not isinstance(self.method, Mapping):
            return {"method": self.method.name, **self.method.settings(models)}
        return {target: {"method": each.name, **each.settings(models)} for target, each in self.method.items()}


@dataclass(frozen=True)
class Nothing:
    """A method that keeps every face as it is: the bound of what can be kept, and of success by chance."""

    name: ClassVar[str] = NOTHING

    def settings(self, models: Models) -> dict[str, Any]:
        return {}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        return latent


@dataclass(frozen=True)
class RandomFace:
    """A method that turns every face into another sample of the generator; which one follows from its latent alone.

    It bounds what can be lost, and shows what the prompt by chance.
    """

    name: ClassVar[str] = RANDOM

    def settings(self, models: Models) -> dict[str, Any]:
        return {}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """In W+."""
        z = sample_z([_seed(row) for row in latent.data.cpu()], models.generator.config.z_dim)
        return models.generator.to_space(Latent(Space.Z, z.to(models.device)), Space.W_PLUS)


def bounds() -> list[MeasuredEditor]:
    """The two editors that stand in every report."""
    return [MeasuredEditor(NOTHING, Nothing()), MeasuredEditor(RANDOM, RandomFace())]


def prompt_for(method: Method, models: Models, prompt: Prompt) -> Prompt:
    """The prompt that a method gets: one that needs neutral texts gets the alternatives of its claims, where none is
    given."""
    if prompt.neutral is not None or not getattr(method, "needs_neutral", False) or reads_claims(method, models):
        return prompt
    others = [text for claim in prompt.claims(models.clip.vocabulary) for text in claim.alternatives]
    return replace(prompt, neutral=tuple(dict.fromkeys(others)) or None)


def at_strength(models: Models, source: Latent, edited: Latent, strength: float) -> Latent:
    """`source + strength * (edited - source)` in the space of `edited`, which it is at 1; at 0 the source."""
    if strength == 1:
        return edited
    if strength == 0:
        return source
    start = models.generator.to_space(source, edited.space)
    return start + strength * (edited - start)


def _seed(latent: torch.Tensor) -> int:
    return int.from_bytes(sha256(latent.float().numpy().tobytes()).digest()[:8], "big") % MAX_SEED
