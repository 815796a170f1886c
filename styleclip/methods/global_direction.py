"""Editor 3: move the style channels that CLIP ties to the text, the same way for every image (StyleCLIP, section 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.methods.auto_alpha import auto_alpha
from styleclip.methods.channel_relevance import ChannelRelevance, relevance_from_gradient, relevance_from_table
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.methods.style_direction import StyleDirection, auto_beta, beta_for, style_weights
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt, delta_t
from styleclip.settings import check_limits, resolve, settings_of


@dataclass(frozen=True)
class GlobalDirection(GlobalDirectionSettings):
    """Style space direction: `s + alpha * relevance_above_beta / largest * std`.

    A field left at None takes the value that suits the generator, else the published one. Every image is edited on
    its own: its result does not depend on its neighbours.
    """

    found: StyleDirection | None = field(default=None, repr=False, compare=False)  # apply this instead of finding one

    name: ClassVar[str] = "global-dir"

    def __post_init__(self) -> None:
        if self.beta is not None and self.channels is not None:
            raise UsageError("beta and channels both say how many channels move; pass one of them")
        check_limits(self)
        if self.beta not in (None, "auto") and float(self.beta) < 0:
            raise UsageError(
                f"beta is {self.beta}; it must be 0 or more: it is compared with the size of the relevance"
            )
        if self.refine_top and self.relevance == "table":
            raise UsageError("a table is exact already; pass refine_top with gradient relevance")

    def resolve(self, models: Models) -> GlobalDirection:
        """These settings with those filled in that were left open; `channels` takes the place of `beta`."""
        return resolve(self, models.defaults.get(self.name, {}), keep_open=("beta",) if self.channels else ())

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting as it will be used with these models; the values found for "auto" are in `StyleDirection`."""
        resolved = self.resolve(models)
        return {name: getattr(resolved, name) for name in settings_of(GlobalDirectionSettings)}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in S. Raises UsageError where the texts single out no channel."""
        edit = self.found or self.find(models, prompt)
        source = models.generator.to_space(latent.detach(), Space.S).detach()
        return edit.apply(source, self.strengths(models, source, edit, on_step))

    def strengths(self, models: Models, source: Latent, edit: StyleDirection, on_step: OnStep = ignore) -> Tensor:
        """The alpha [N] of every image of `source` (in S)."""
        settings = self.resolve(models)
        alpha = edit.alpha if self.alpha is None and self.found else settings.alpha
        if alpha == "auto":
            return auto_alpha(models, source, edit, settings.reach, settings.sure, on_step)
        return torch.full((len(source),), float(alpha), dtype=torch.float64).float().to(models.device)

    def find(self, models: Models, prompt: Prompt) -> StyleDirection:
        """The direction of a prompt. Raises UsageError where the texts single out no channel."""
        return self.select(models, prompt, self.measure(models, prompt))

    def measure(self, models: Models, prompt: Prompt) -> ChannelRelevance:
        """What CLIP sees of every channel along a prompt: the part of `find` that takes time, for any beta."""
        direction = delta_t(models.clip, prompt, self.text)
        table = None if self.relevance == "gradient" else models.relevance()
        if table is None and self.relevance == "table":
            raise UsageError(
                "this generator has no relevance table; make one with `styleclip prepare`, or use gradient"
            )
        if table is None:
            return relevance_from_gradient(models, direction, self.images, self.seed, self.refine_top)
        return relevance_from_table(models, table, direction)

    def select(self, models: Models, prompt: Prompt, seen: ChannelRelevance) -> StyleDirection:
        """The channels that move, by what was seen. Raises UsageError where the texts single out none."""
        settings = self.resolve(models)
        torgb = models.generator.layout.torgb_mask().to(seen.relevance.device)
        relevance = seen.relevance if settings.torgb else seen.relevance.masked_fill(torgb, 0.0)
        if self.channels is not None:
            beta = beta_for(relevance, self.channels)
        else:
            beta = auto_beta(relevance) if settings.beta == "auto" else float(settings.beta)
        weights = style_weights(relevance, beta)
        movement = None if seen.slope is None else (weights * seen.slope).sum().item()
        return StyleDirection(prompt, weights, seen.std, relevance, beta, settings.alpha, movement)
