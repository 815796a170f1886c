"""Sliders: several edits of one source that add up in style space, `s + sum_i strength_i * step_i(s)`.

Every step is found for the source, so neither the order nor the strength of one slider changes another. The sum is
taken in float64 and rounded once; a source that no slider moves keeps its bits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.style_direction import StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.settings import Strength

Found = StyleDirection | LatentDirection | LatentMapper | StyleStep  # a slider's source, ready to give steps


@dataclass(frozen=True)
class Slider:
    """One of several edits that add up, and its strength.

    Args:
        source: a prompt, whose direction in style space is found; a direction; a mapper; the step of a finished edit.
        strength: a multiple of the step; negative reverses, 0 turns the slider off. By regression 1 reaches the samples
            that show the text; by a table it counts standard deviations. It takes the place of a direction's own alpha.
            "auto", of a prompt or its direction, is as much as each face needs.
        beta: of a prompt, the threshold of relevance, below which channels stay; None is the default of the models.
        relevance: of a prompt, where its direction comes from, as in `GlobalDirection`.

    Example:
        sliders = [Slider(Prompt("a face with red hair"), 0.8), Slider(Prompt("an old face"), -0.5)]
        result = editor.edit_together(editor.sample(seed=3), sliders)
    """

    source: Prompt | Found
    strength: Strength = 1.0
    beta: float | None = None
    relevance: Literal["auto", "regression", "table", "gradient"] = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.source, Prompt | StyleDirection | LatentDirection | LatentMapper | StyleStep):
            raise UsageError(
                f"a slider moves a Prompt, a direction, a mapper or a StyleStep, not {type(self.source).__name__}; "
                "write a text as Prompt(text)"
            )
        if self.strength == "auto":
            if not isinstance(self.source, Prompt | StyleDirection):
                raise UsageError('only the directions of texts know strength "auto"; pass a number, e.g. 1')
        elif not math.isfinite(self.strength):
            raise UsageError(f"strength is {self.strength}; it must be a finite number")
        if isinstance(self.source, Prompt):
            self.method()
        elif self.beta is not None or self.relevance != "auto":
            raise UsageError("beta and relevance are for the direction of a prompt; leave them out")

    def find(self, models: Models, on_step: OnStep = ignore) -> Found:
        """The source ready to give steps: the direction of a prompt, at alpha 1, or the mapper of a file.

        This is the slow part, the same for every face and strength. Raises UsageError where the texts single out no
        channel, and WeightError for a mapper of another generator.
        """
        if isinstance(self.source, Prompt):
            return self.method().find(models, self.source, on_step)
        if isinstance(self.source, LatentMapper):
            return replace(self.source, mapper=self.source.load_mapper(models))
        return self.source.at(1.0) if isinstance(self.source, StyleDirection | LatentDirection) else self.source

    def method(self) -> GlobalDirection:
        """What finds the direction of a prompt."""
        given: dict[str, Any] = {} if self.beta is None else {"beta": self.beta}
        return GlobalDirection(alpha=1.0, relevance=self.relevance, **given)


@torch.no_grad()
def step_in_s(models: Models, found: Found, source: Latent, features: Tensor | None = None) -> Direction:
    """[N, C] in S: the step of every latent of `source` at strength 1.

    A direction by regression starts from what each face shows, by the CLIP features [N, D] of the source, which are
    measured where they are not passed; that of a mapper in W+ is `S(w + step) - S(w)`. Raises
    SpaceError for a source that the mapper cannot take, and for a step of another generator, UsageError for a step of
    several faces where the source has not as many.
    """
    generator = models.generator
    source = source.to(models.device)
    if isinstance(found, LatentMapper):
        trained = found.load_mapper(models)
        taken = _source_of_mapper(models, source, trained.network.space)
        step = Direction(taken.space, (found.strength * trained.direction(taken).data).to(taken.data))
        if taken.space is Space.S:
            return step
        return generator.to_space(taken + step, Space.S) - generator.to_space(taken, Space.S)
    if isinstance(found, StyleDirection):
        _check_size(models, found.weights)
        return found.at(1.0).directions(models, generator.to_space(source, Space.S), features)
    if isinstance(found, LatentDirection):
        return Direction(Space.S, found.step(models).data.expand(len(source), -1))
    _check_size(models, found.data)
    if len(found.data) not in (1, len(source)):
        raise UsageError(f"the step is of {len(found.data)} faces and the source has {len(source)}; pass that of one")
    return Direction(Space.S, found.data.to(models.device).expand(len(source), -1))


def offset_in_s(models: Models, found: Found, source: Latent) -> Direction | None:
    """[N, C] in S: what an absolute direction adds besides its steps, at any strength; None for all other sources."""
    return found.offset(models, source) if isinstance(found, LatentDirection) else None


@torch.no_grad()
def auto_strength(models: Models, found: Found, source: Latent, on_step: OnStep = ignore) -> Tensor:
    """The strength [N] that every latent of `source` needs: alpha "auto" of a direction, 1 for mappers and fixed steps.

    By regression it is 0 where the face shows the text already.
    """
    if isinstance(found, StyleDirection):
        in_s = models.generator.to_space(source.to(models.device), Space.S)
        return found.at("auto").strengths(models, in_s, on_step)
    return torch.ones(len(source), device=models.device)


@torch.no_grad()
def add_steps(source: Latent, steps: Sequence[tuple[float, Direction]]) -> Latent:
    """`source + sum_i strength_i * step_i` in S, in any order of the steps to the bit.

    The values of a channel are sorted before they are added, in float64, and the result is rounded once to the
    precision of the source. The source itself is returned where every strength is 0, and channels that do not move
    keep their bits.
    """
    moving = [(strength, step) for strength, step in steps if strength != 0]
    if not moving:
        return source
    for _, step in moving:
        step.check_space(source)
    shape = (len(moving), *source.data.shape)
    terms = source.data.new_empty(shape, dtype=torch.float64)
    for term, (strength, step) in zip(terms, moving, strict=True):
        term.copy_(step.data).mul_(strength)
    first, *others = terms.sort(dim=0).values if len(terms) > 2 else terms  # a sum of two has no order
    shift = functools.reduce(torch.add, others, first)  # one by one, in this order on every device
    return Latent(source.space, torch.where(shift == 0, source.data, (source.data + shift).to(source.data)))


def _source_of_mapper(models: Models, source: Latent, space: Space) -> Latent:
    if source.space is Space.S and space is not Space.S:
        raise SpaceError(
            f"a mapper in {space.value} cannot move a source in s, from which there is no way back; "
            f"pass the source in {space.value} or leave the mapper out"
        )
    return models.generator.to_space(source.detach(), space)


def _check_size(models: Models, step: Tensor) -> None:
    """Raise SpaceError unless a step [.., C] has a value for every style channel of the generator."""
    size = models.generator.layout.size
    if step.shape[-1] != size:
        raise SpaceError(
            f"this step has {step.shape[-1]} style channels, the generator has {size}; find it for this one"
        )
