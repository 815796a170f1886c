"""The goal and the prior that the settings of an editor or of a training take from samples."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from styleclip.latents import Space
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.runtime.image_by_image import whole_batches
from styleclip.settings import TextEncoding
from styleclip.stylespace.class_means import SampleGoal, sample_goal
from styleclip.stylespace.statistics import StepBasis


class SampleSettings(Protocol):
    """The settings that `Optimize` and `MapperTraining` have in common."""

    @property
    def goal(self) -> str: ...
    @property
    def prior(self) -> str: ...
    @property
    def strength(self) -> float: ...
    @property
    def samples(self) -> int: ...
    @property
    def space(self) -> str: ...
    @property
    def text(self) -> TextEncoding: ...


def uses_samples(settings: SampleSettings) -> bool:
    """Whether goal or prior are made of samples."""
    return "samples" in (settings.goal, settings.prior)


@whole_batches()
def settings_goal(
    models: Models, prompt: Prompt, settings: SampleSettings, on_step: OnStep = ignore
) -> SampleGoal | None:
    """The steps between samples, in S or W; None where neither goal nor prior is made of them."""
    if not uses_samples(settings):
        return None
    space = Space.S if settings.space == "s" else Space.W
    return sample_goal(models, prompt, space, settings.strength, settings.samples, settings.text, on_step)


def prior_step(goal: SampleGoal, features: Tensor, basis: StepBasis, space: Space) -> Tensor:
    """The step of the samples in coordinates of the basis, for images with these unit features [N, D].

    It is [N, C] in S, and [N, 1, w_dim] in W+, where it is the same for all vectors.
    """
    step = basis.coordinates(goal.step(features)[1])
    return step if space is Space.S else step[:, None]
