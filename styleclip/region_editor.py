"""`RegionEditor`: an editor of one batch of latents, whose pictures change within a region only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from styleclip.editor import Editor
from styleclip.latents import Latent
from styleclip.methods.base import Method
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.networks.synthesis import Noise
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.regions import Region
from styleclip.results import EditResult


class RegionEditor(Editor):
    """Edits a batch of latents within a region; its sheets, videos and pictures of steps keep to the region too.

    Args:
        models: what `styleclip.load` returns.
        region: where pictures may change.
        source: the latents that are edited, [N]; all others that are rendered are as many, edited from these.

    Example:
        editor = RegionEditor(models, region, latent)
        trajectory = Trajectory(editor, Path("red"), video=True)
        editor.edit(latent, "a face with red hair", Optimize(), on_step=trajectory)
    """

    def __init__(self, models: Models, region: Region, source: Latent) -> None:
        super().__init__(models)
        region.check_size(models.generator.image_size)
        self.region, self.before = region, super().render(source)

    def render(self, latent: Latent, noise: Noise = "const") -> Tensor:
        """The pictures of the source, and within the region those of `latent`."""
        return self.region.composite(self.before, super().render(latent, noise))

    def edit(
        self,
        latent: Latent,
        prompt: Prompt | str,
        method: Method,
        on_step: OnStep = ignore,
        about: Mapping[str, Any] | None = None,
        region: Region | None = None,
    ) -> EditResult:
        """As `Editor.edit`, within the region."""
        return super().edit(latent, prompt, method, on_step, about, region or self.region)

    def edit_together(
        self,
        latent: Latent,
        sliders: Sequence[Slider],
        on_step: OnStep = ignore,
        about: Mapping[str, Any] | None = None,
        region: Region | None = None,
    ) -> EditResult:
        """As `Editor.edit_together`, within the region."""
        return super().edit_together(latent, sliders, on_step, about, region or self.region)
