"""A direction in style space as a method (StyleCLIP, section 6)."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from styleclip.directions.records import UnitOf
from styleclip.errors import UsageError
from styleclip.latents import Direction, Latent, Space, StyleLayout
from styleclip.methods.auto_alpha import auto_alpha
from styleclip.methods.claim_alpha import claim_alpha
from styleclip.methods.claim_direction import ClaimDirection, sum_of_steps
from styleclip.methods.latent_direction import unit_settings
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.settings import Strength, resolve, settings_of
from styleclip.stylespace.claim_classes import describe_classes, least_shown

MAX_REGRESSION_ALPHA = 2.5  # what lies beyond is no face any more


class StrengthWarning(UserWarning):
    """A strength far beyond what samples show."""


@dataclass(frozen=True)
class StyleDirection:
    """Shift the style channels of a direction: `s + alpha * weights * std`, by regression from what each image shows.

    `GlobalDirection.find` makes it, `load_direction` reads it from a file.

    Args:
        prompt: the texts it was found for.
        weights: [C], zero for channels that stay, 1 or -1 for the most relevant one.
        std: [C], the standard deviation of every style channel.
        relevance: [C], by which the channels were selected.
        beta: the threshold of the relevance.
        alpha: the strength, in standard deviations of the most relevant channel, or by regression as in `claims`;
            negative reverses, "auto" finds the smallest that is enough for each image.
        movement: how far CLIP moves along the direction of the texts per unit of alpha; None where it is not known.
        found_with: the settings of `GlobalDirection`, resolved; alpha="auto" takes `reach` and `sure` of them.
        origin: where the relevance comes from, for the record.
        claims: of a direction by regression the directions of every claim, from which each image gets its own; then
            `weights` are those of an image that shows all alternatives alike, and alpha 1 reaches the samples that show
            the claims.
        unit, unit_of: as in `LatentDirection`.
        range: the lowest and highest useful alpha; None where they are not known.

    Example:
        direction = GlobalDirection().find(models, prompt)
        result = editor.edit(latent, prompt, direction.at(0.8))
    """

    prompt: Prompt
    weights: Tensor
    std: Tensor
    relevance: Tensor
    beta: float
    alpha: Strength
    movement: float | None = None
    found_with: GlobalDirectionSettings = field(default_factory=lambda: resolve(GlobalDirectionSettings(), {}))
    origin: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[ClaimDirection, ...] = ()
    unit: float | None = None
    unit_of: UnitOf = "identity"
    range: tuple[float, float] | None = None

    name: ClassVar[str] = "global-dir"
    needs_neutral: ClassVar[bool] = True

    def at(self, alpha: Strength) -> StyleDirection:
        """This direction at another strength. Raises UsageError for NaN and infinity."""
        if alpha != "auto" and not math.isfinite(alpha):
            raise UsageError(f"alpha is {alpha}; it must be a finite number")
        return replace(self, alpha=alpha)

    def __mul__(self, alpha: float) -> Direction:
        return self.direction * alpha

    __rmul__ = __mul__

    def with_settings(self, settings: GlobalDirectionSettings) -> StyleDirection:
        """This direction with other resolved settings, but for those that select channels, which it has already."""
        return replace(self, found_with=replace(settings, beta=self.beta, channels=None))

    def settings(self, models: Models) -> dict[str, Any]:
        """The settings it was found with, at its own `alpha`, and its unit."""
        found_with = {name: getattr(self.found_with, name) for name in settings_of(GlobalDirectionSettings)}
        return {**found_with, "alpha": self.alpha, **unit_settings(self.alpha, self.unit, self.unit_of)}

    def reads_claims(self, models: Models) -> bool:
        """Whether the direction is by regression."""
        return bool(self.claims)

    @property
    def details(self) -> dict[str, Any]:
        """What is known before the edit, for the record; `alpha` of every image comes with it."""
        return {
            "target": self.prompt.target,
            "neutral": self.prompt.recorded_neutral,
            **self.prompt.recorded_force,
            "alpha": [],
            "beta": self.beta,
            "channels": len(self.channels),
            "movement": self.movement,
            "relevance": dict(self.origin),
            **({"claims": describe_classes([each.classes for each in self.claims])} if self.claims else {}),
        }

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in S. The direction has its own texts, so `prompt` has no effect here."""
        return self.edit_with_details(models, latent, prompt, on_step)[0]

    def edit_with_details(
        self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore
    ) -> tuple[Latent, dict[str, Any]]:
        """The edited latent, in S, and the details with the `alpha` of every image."""
        source = models.generator.to_space(latent.detach(), Space.S).detach()
        features = self._source_features(models, source)
        directions = self._directions(source, features)
        alpha = self._strengths(models, source, features, directions, on_step)
        edited = source + Direction(Space.S, (alpha[:, None] * directions.data).to(source.data))
        details = {**self.details, "alpha": [round(value, 6) for value in alpha.tolist()]}
        return edited, {**details, **self._shown(features)}

    def directions(self, models: Models, source: Latent, features: Tensor | None = None) -> Direction:
        """[N, C] in S: the direction of every image of `source`, so `source + alpha * directions` is the edit.

        By regression it starts from what the image shows, by its CLIP features [N, D], which are measured where they
        are not passed; with alpha "auto", claims that it shows already are left out.
        """
        return self._directions(source, self._source_features(models, source, features))

    def shown(self, models: Models, source: Latent, features: Tensor | None = None) -> dict[str, list[float]]:
        """For the details, by regression: `shown`, how far every image of `source` shows the text already, 0 to 1."""
        return self._shown(self._source_features(models, source, features))

    def strengths(
        self, models: Models, source: Latent, on_step: OnStep = ignore, features: Tensor | None = None
    ) -> Tensor:
        """The alpha [N] of every image of `source` (in S), by its CLIP features as in `directions`."""
        features = self._source_features(models, source, features)
        return self._strengths(models, source, features, self._directions(source, features), on_step)

    def _source_features(self, models: Models, source: Latent, known: Tensor | None = None) -> Tensor | None:
        """CLIP's features [N, D] of the source, which a direction by regression starts from; measured unless known."""
        if not self.claims:
            return None
        return models.clip_features(source) if known is None else known

    def _shown(self, features: Tensor | None) -> dict[str, list[float]]:
        if features is None:
            return {}
        shown = least_shown([claim.classes for claim in self.claims], features)
        return {"shown": [round(value, 4) for value in shown.tolist()]}

    def _directions(self, source: Latent, features: Tensor | None) -> Direction:
        if features is None:
            return Direction(Space.S, self.direction.data.expand(len(source), -1))
        return Direction(Space.S, sum_of_steps(self.claims, features, skip_shown=self.alpha == "auto"))

    def warn_if_strong(self) -> None:
        """Issue a StrengthWarning: published strengths are standard deviations, and far too large by regression."""
        if self.claims and self.alpha != "auto" and abs(self.alpha) > MAX_REGRESSION_ALPHA:
            calibrated = f" (strength {self.alpha / self.unit:.3g})" if self.unit else ""
            warnings.warn(
                f"alpha {self.alpha:g}{calibrated} goes far beyond the samples, which 1 reaches; lower it, or pass "
                "--relevance table or gradient, where alpha counts standard deviations",
                StrengthWarning,
                stacklevel=2,
            )

    def _strengths(
        self, models: Models, source: Latent, features: Tensor | None, directions: Direction, on_step: OnStep
    ) -> Tensor:
        if self.alpha != "auto":
            self.warn_if_strong()
            return torch.full((len(source),), float(self.alpha), dtype=torch.float64).float().to(models.device)

        def edit(rows: Tensor, alpha: Tensor) -> Latent:
            step = (alpha[:, None] * directions.data[rows]).to(source.data)
            return source[rows] + Direction(Space.S, step)

        found_with = self.found_with
        if features is not None:
            classes, wanted = [claim.classes for claim in self.claims], found_with.target_identity
            return claim_alpha(models, source, features, classes, edit, found_with.sure, wanted, on_step)
        every = torch.arange(len(source), device=models.device)
        whole = functools.partial(edit, every)
        return auto_alpha(models, source, self.prompt, whole, found_with.reach, found_with.sure, self.movement, on_step)

    @property
    def direction(self) -> Direction:
        """[1, C] in S: `latent + alpha * style_direction.direction`; by regression for an image of no known state."""
        return Direction(Space.S, (self.weights * self.std)[None])

    @property
    def channels(self) -> Tensor:
        """The numbers of the channels that move, the most relevant first."""
        return self.weights.abs().argsort(descending=True, stable=True)[: int((self.weights != 0).sum())]

    def channel_table(self, layout: StyleLayout) -> list[dict[str, Any]]:
        """A row per channel that moves, the most relevant first: its layer, index there, weight and relevance."""
        layers = {channel: entry for entry in layout.entries for channel in range(entry.span.start, entry.span.stop)}
        return [
            {
                "layer": layers[channel].name,
                "index": channel - layers[channel].start,
                "weight": self.weights[channel].item(),
                "relevance": self.relevance[channel].item(),
            }
            for channel in self.channels.tolist()
        ]
