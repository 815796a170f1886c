"""The oracle: the ideal edit, drawn by the generator. No editor can do better with this generator but by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from styleclip.demo.captions import Claims
from styleclip.demo.ideal import ideal_z
from styleclip.errors import SpaceError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


@dataclass(frozen=True)
class Oracle:
    """A method that knows the demo world: it sets the claimed states in z. The prompt itself has no effect.

    Args:
        claims: the states to set.
    """

    claims: Claims

    name: ClassVar[str] = "oracle"

    def settings(self, models: Models) -> dict[str, Any]:
        return {"claims": self.claims}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The ideal latent, in Z. Raises SpaceError for a latent in another space."""
        if latent.space is not Space.Z:
            raise SpaceError(f"the oracle edits z, got {latent.space.value}")
        return Latent(Space.Z, ideal_z(latent.data.cpu(), self.claims).to(latent.data))
