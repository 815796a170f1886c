"""Editor 3: directions in style space, by regression or as published, from a pair of texts (StyleCLIP, section 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.methods.channel_relevance import (
    ChannelRelevance,
    auto_beta,
    beta_for,
    relevance_from_gradient,
    relevance_from_regression,
    relevance_from_table,
    style_weights,
)
from styleclip.methods.claim_direction import in_deviations, mean_row
from styleclip.methods.prompt_check import check_method_prompt
from styleclip.methods.settings import GlobalDirectionSettings
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt, delta_t
from styleclip.runtime.image_by_image import whole_batches
from styleclip.settings import check_limits, resolve, settings_of

REGRESSION_BETA = 0.0  # share of the largest step; how it was chosen: benchmarks/global_direction.md


@dataclass(frozen=True)
class GlobalDirection(GlobalDirectionSettings):
    """Style space direction: `s + alpha * step`, by regression; by a table or by gradient
    `s + alpha * relevance_above_beta / largest * std`, as published.

    The settings are those of `GlobalDirectionSettings`; one left at None takes the value that suits the generator, else
    the published one. Every image is edited on its own: its result does not depend on its neighbours.

    Example:
        result = editor.edit(latent, "a face with red hair", GlobalDirection())
        published = GlobalDirection(relevance="table", alpha=4.0, beta=0.12)
        direction = GlobalDirection().find(editor.models, prompt)    # a StyleDirection, for any latent and any strength
    """

    name: ClassVar[str] = "global-dir"
    needs_neutral: ClassVar[bool] = True

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
        """These settings with those filled in that were left open; `channels` takes the place of `beta`.

        `relevance` "auto" is the regression where samples of the generator are at hand, else the table where there is
        one, else the regression. By regression an open alpha is "auto", and toRGB channels move.
        """
        suited = dict(models.defaults.get(self.name, {}))
        relevance = self._relevance(models)
        if relevance == "regression":
            suited |= {"alpha": "auto", "torgb": True}
        resolved = resolve(self, suited, keep_open=("beta",) if self.channels else ())
        return replace(resolved, relevance=relevance)

    def reads_claims(self, models: Models) -> bool:
        """Whether the direction is by regression."""
        return self._relevance(models) == "regression"

    def _relevance(self, models: Models) -> Literal["regression", "table", "gradient"]:
        if self.relevance != "auto":
            return self.relevance
        has_table = models.samples() is None and models.relevance() is not None
        return "table" if has_table else "regression"

    def settings(self, models: Models) -> dict[str, Any]:
        """Every setting with the value it has for these models; the values found for "auto" are in `StyleDirection`."""
        resolved = self.resolve(models)
        return {name: getattr(resolved, name) for name in settings_of(GlobalDirectionSettings)}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        """The edited latent, in S. Raises UsageError where the texts single out no channel."""
        return self.find(models, prompt, on_step)(models, latent, prompt, on_step)

    @property
    def details(self) -> dict[str, Any]:
        """Nothing is known of the direction before it is found."""
        return {}

    def edit_with_details(
        self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore
    ) -> tuple[Latent, dict[str, Any]]:
        """The edited latent, in S, and the details of the direction with the `alpha` of every image."""
        return self.find(models, prompt, on_step).edit_with_details(models, latent, prompt, on_step)

    def find(self, models: Models, prompt: Prompt, on_step: OnStep = ignore) -> StyleDirection:
        """The direction of a prompt. Raises UsageError where the texts single out no channel."""
        return self.select(models, prompt, self.measure(models, prompt, on_step))

    @whole_batches()
    def measure(self, models: Models, prompt: Prompt, on_step: OnStep = ignore) -> ChannelRelevance:
        """The relevance of every channel for a prompt: the slow part of `find`, the same for every beta.

        A step is one of the samples that are rendered for the regression, where there are too few. Raises UsageError as
        `check_method_prompt`.
        """
        check_method_prompt(models, prompt, self)
        source = self._relevance(models)
        if self.refine_top and source != "gradient":
            raise UsageError(f"the {source} has nothing to refine; pass --refine-top with --relevance gradient")
        if source == "regression":
            return relevance_from_regression(models, prompt, self.samples, self.text, on_step)
        direction = delta_t(models.clip, prompt, self.text)
        if source == "gradient":
            return relevance_from_gradient(models, direction, self.images, self.seed, self.refine_top)
        table = models.relevance()
        if table is None:
            raise UsageError(
                "this generator has no relevance table; make one with `styleclip prepare --method exact`, or use "
                "regression"
            )
        return relevance_from_table(models, table, direction)

    @whole_batches()
    def select(self, models: Models, prompt: Prompt, relevance: ChannelRelevance) -> StyleDirection:
        """The direction of the channels that are relevant enough. Raises UsageError where there is none."""
        settings = self.resolve(models)
        torgb = models.generator.layout.torgb_mask().to(relevance.relevance.device)
        values = relevance.relevance if settings.torgb else relevance.relevance.masked_fill(torgb, 0.0)
        if relevance.claims:
            return self._select_claims(prompt, relevance, values, settings)
        if self.channels is not None:
            beta = beta_for(values, self.channels)
        else:
            beta = auto_beta(values) if settings.beta == "auto" else float(settings.beta)
        weights = style_weights(values, beta)
        movement = None if relevance.slope is None else (weights * relevance.slope).sum().item()
        return StyleDirection(
            prompt, weights, relevance.std, values, beta, settings.alpha, movement, settings, relevance.origin
        )

    def _select_claims(
        self, prompt: Prompt, relevance: ChannelRelevance, values: Tensor, settings: GlobalDirection
    ) -> StyleDirection:
        """The directions of all claims with the channels that reach beta, their share of the largest."""
        if self.channels is not None:
            beta = beta_for(values, self.channels)
        else:
            beta = REGRESSION_BETA if settings.beta == "auto" else float(settings.beta)
        moving = values != 0
        claims = tuple(claim.select(relevance.std, beta, moving) for claim in relevance.claims)
        weights = in_deviations(mean_row(claims), relevance.std)
        if not moving.any():
            raise UsageError(
                "no style channel moves, since no sample shows what the prompt says beyond the neutral text; change "
                "one of them, or pass relevance gradient"
            )
        if not (weights != 0).any():
            raise UsageError(
                f"no style channel reaches beta {beta:g}; by regression it is a share of the largest, 0 to 1"
            )
        return StyleDirection(
            prompt, weights, relevance.std, values, beta, settings.alpha, None, settings, relevance.origin, claims
        )
