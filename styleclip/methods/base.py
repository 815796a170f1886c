"""The contract every editing method keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.models.bundle import Models
from styleclip.prompts import Prompt
from styleclip.records import Step, ignore

OnStep = Callable[[Step], None]


class Method(Protocol):
    """Take a latent and a prompt, return a latent. The fields of the dataclass are its settings."""

    @property
    def name(self) -> str: ...

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting as it will be used: those left open take the value that suits the models."""
        ...

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent: ...


def check_settings(settings: object, counts: Iterable[str], weights: Iterable[str]) -> None:
    """Raise UsageError unless these fields, where they are given, are at least 1, or finite and not negative."""
    for name in counts:
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}; it must be at least 1")
    for name in weights:
        value = getattr(settings, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{name} is {value}; it must be a finite number, 0 or more")
