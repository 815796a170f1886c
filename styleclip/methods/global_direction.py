"""Editor 3: move the style channels that CLIP ties to the text, the same way for every image (StyleCLIP, section 6)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.methods.auto_alpha import auto_alpha
from styleclip.methods.channel_relevance import ChannelRelevance, relevance_from_gradient, relevance_from_table
from styleclip.methods.style_direction import Strength, StyleDirection, auto_beta, beta_for, style_weights
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt, TextEncoding, delta_t

# The published values; a generator may come with others (checkpoints/catalog.toml).
PUBLISHED: dict[str, Any] = {"alpha": 4.0, "beta": "auto", "torgb": False, "sure": 0.95}


@dataclass(frozen=True)
class GlobalDirection:
    """Style space direction: `s + alpha * relevance_above_beta / largest * std`.

    A field left at None takes the value that suits the generator, else the published one. Every image is edited on
    its own: its result does not depend on its neighbours.
    """

    alpha: Strength | None = None  # strength in standard deviations of the most relevant channel; negative reverses
    beta: Strength | None = None  # channels less relevant than this stay as they are; "auto" picks it for the text
    channels: int | None = None  # how many channels move, in place of beta
    torgb: bool | None = None  # whether the channels of toRGB layers may move: colours hang on them
    relevance: Literal["auto", "table", "gradient"] = "auto"  # auto: the table where there is one
    images: int = 100  # that gradient relevance averages over
    refine_top: int = 0  # so many channels of gradient relevance are measured exactly, and the others stay
    seed: int = 5  # of these images
    text: TextEncoding = "ensemble"
    reach: float | None = None  # how far alpha="auto" may move CLIP along the texts; open: as far as alpha 10 takes it
    sure: float | None = None  # the probability that CLIP has to give the target for alpha="auto" to stop
    found: StyleDirection | None = field(default=None, repr=False, compare=False)  # apply this instead of finding one

    name: ClassVar[str] = "global-dir"

    def __post_init__(self) -> None:
        if self.beta is not None and self.channels is not None:
            raise UsageError("beta and channels both say how many channels move; pass one of them")
        for name, least in (("channels", 1), ("images", 1), ("refine_top", 0), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; it must be at least {least}")
        for name in ("alpha", "beta", "reach", "sure"):
            value = getattr(self, name)
            if not (value is None or value == "auto" or math.isfinite(value)):
                raise UsageError(f"{name} is {value}; it must be a finite number")
        if self.beta not in (None, "auto") and float(self.beta or 0) < 0:
            raise UsageError(
                f"beta is {self.beta}; it must be 0 or more: it is compared with the size of the relevance"
            )
        if self.refine_top and self.relevance == "table":
            raise UsageError("a table is exact already; pass refine_top with gradient relevance")

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting as it will be used with these models; what "auto" came to is in `StyleDirection`."""
        suited = {**PUBLISHED, **models.defaults.get(self.name, {})}
        if self.channels is not None:
            del suited["beta"]
        own = {setting.name: getattr(self, setting.name) for setting in dataclasses.fields(self) if setting.repr}
        return {**own, **{name: value for name, value in suited.items() if own[name] is None}}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in S. Raises UsageError where the texts single out no channel."""
        edit = self.found or self.find(models, prompt)
        source = models.generator.to_space(latent.detach(), Space.S).detach()
        return edit.apply(source, self.strengths(models, source, edit, on_step))

    def strengths(self, models: Models, source: Latent, edit: StyleDirection, on_step: OnStep = ignore) -> Tensor:
        """The alpha [N] of every image of `source` (in S)."""
        settled = self.settings(models)
        alpha = edit.alpha if self.alpha is None and self.found else settled["alpha"]
        if alpha == "auto":
            return auto_alpha(models, source, edit, settled["reach"], settled["sure"], on_step)
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
        settled = self.settings(models)
        torgb = models.generator.layout.torgb_mask().to(seen.relevance.device)
        relevance = seen.relevance if settled["torgb"] else seen.relevance.masked_fill(torgb, 0.0)
        if self.channels is not None:
            beta = beta_for(relevance, self.channels)
        else:
            beta = auto_beta(relevance) if settled["beta"] == "auto" else float(settled["beta"])
        weights = style_weights(relevance, beta)
        movement = None if seen.slope is None else (weights * seen.slope).sum().item()
        return StyleDirection(prompt, weights, seen.std, relevance, beta, settled["alpha"], movement)
