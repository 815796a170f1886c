"""The contract every editing method keeps."""

from __future__ import annotations

from typing import Any, Protocol

from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


class Method(Protocol):
    """Take a latent and a prompt, return a latent. The fields of the dataclass are its settings."""

    @property
    def name(self) -> str: ...

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting as it will be used: those left open take the value that suits the models."""
        ...

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent: ...
