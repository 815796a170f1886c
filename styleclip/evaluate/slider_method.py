"""Sliders as a method, to be measured like an editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from styleclip.latents import Latent
from styleclip.methods.slider_edit import edit_by_sliders, slider_settings
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt


@dataclass(frozen=True)
class SliderMethod:
    """Move every face by the same sliders, whatever the prompt.

    Args:
        sliders: directions, prompts or mappers with their strengths.

    Example:
        result = editor.edit(latent, "a face with glasses", SliderMethod((Slider(glasses, 1.0),)))
    """

    sliders: tuple[Slider, ...]

    name: ClassVar[str] = "sliders"

    def settings(self, models: Models) -> dict[str, Any]:
        """The record of every slider."""
        return {"sliders": [slider_settings(models, each.find(models), each.strength) for each in self.sliders]}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in S."""
        return edit_by_sliders(models, latent, self.sliders, on_step).edited
