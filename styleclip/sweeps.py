"""Edits that add up, at many strengths and thresholds; CLIP is measured once per text (StyleCLIP, section 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from styleclip.editor import Editor
from styleclip.latents import Latent
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.prompt_check import check_method_prompt
from styleclip.methods.sliders import Slider
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.regions import Region
from styleclip.results import EditResult
from styleclip.settings import Strength
from styleclip.sweep_combinations import Combination, combinations
from styleclip.sweep_edits import AnyDirection, Edit, as_edit, check_sweep, directions_at
from styleclip.weights.cache import Fetch, fetch


@dataclass(frozen=True)
class SweepPoint:
    """A combination of a sweep, and the directions of all edits there."""

    combination: Combination
    directions: Sequence[AnyDirection]

    @property
    def alpha(self) -> Strength | None:
        return self.combination.alpha

    @property
    def beta(self) -> Strength | None:
        return self.combination.beta

    @property
    def strength(self) -> float | None:
        return self.combination.strength

    @property
    def amount(self) -> Strength | None:
        """The strength that was asked for, else the alpha of all directions, else the one that was asked for."""
        if self.strength is not None:
            return self.strength
        alphas = {direction.alpha for direction in self.directions}
        return alphas.pop() if len(alphas) == 1 else self.alpha


@dataclass(frozen=True)
class SweepResult(SweepPoint):
    """A point of a sweep and the result of its edits."""

    result: EditResult


def sweep(
    editor: Editor,
    latent: Latent,
    edits: Sequence[Edit | Prompt | AnyDirection],
    alphas: Sequence[Strength] | None = None,
    betas: Sequence[Strength] | None = None,
    method: GlobalDirection | None = None,
    on_step: OnStep = ignore,
    about: Mapping[str, Any] | None = None,
    strengths: Sequence[float] | None = None,
) -> Iterator[SweepResult]:
    """The sum of all edits at every alpha and every beta; the relevance of channels is measured once per text.

    `strengths` take the place of `alphas`: they are calibrated, `alpha = strength * unit` of each edit, so equal ones
    change faces equally. Every edit is found for `latent`, so their order does not change the picture. Results come
    strongest first, so a picture that is not finite raises NumericError before weaker ones are made. Ctrl-C keeps the
    best latent so far of a single point; of several it raises KeyboardInterrupt, and those yielded before are complete.
    Raises UsageError for settings that make no sense, and where texts single out no channel.

    Example:
        for point in styleclip.sweep(editor, latent, [Prompt("an old face")], alphas=[-4, 4], betas=[0.1, 0.15]):
            point.result.save(f"old/alpha_{point.alpha}_beta_{point.beta}")
    """
    points = find_points(editor.models, edits, alphas, betas, method, on_step, strengths)
    return edit_at_points(editor, latent, points, on_step, about)


def find_points(
    models: Models,
    edits: Sequence[Edit | Prompt | AnyDirection],
    alphas: Sequence[Strength] | None = None,
    betas: Sequence[Strength] | None = None,
    method: GlobalDirection | None = None,
    on_step: OnStep = ignore,
    strengths: Sequence[float] | None = None,
    fetch: Fetch = fetch,
) -> list[SweepPoint]:
    """The directions of all edits at every alpha and beta: the slow part of a sweep, the same for every latent.

    A step is one of the samples that are rendered for a regression, where there are too few, or a try at a unit.
    """
    method = method or GlobalDirection()
    listed = [as_edit(edit) for edit in edits]
    check_sweep(listed, alphas, betas, method, strengths)
    for edit in listed:
        if isinstance(edit.source, Prompt):
            check_method_prompt(models, edit.source, method)
    asked = combinations(alphas, betas, strengths)
    columns = [directions_at(models, edit, asked, method, on_step, fetch) for edit in listed]
    return [SweepPoint(*point) for point in zip(asked, zip(*columns, strict=True), strict=True)]


def edit_at_points(
    editor: Editor,
    latent: Latent,
    points: Sequence[SweepPoint],
    on_step: OnStep = ignore,
    about: Mapping[str, Any] | None = None,
) -> Iterator[SweepResult]:
    """Edit a latent at all points, the strongest first; `on_step` gets a step per point, of a single one all steps."""
    for index, point in enumerate(sorted(points, key=_size, reverse=True), start=1):
        result = edit_by_directions(editor, latent, point.directions, on_step if len(points) == 1 else ignore, about)
        if result.interrupted and len(points) > 1:
            raise KeyboardInterrupt
        yield SweepResult(point.combination, point.directions, result)
        on_step(Step(index, len(points), {}, result.edited, stage="sweep"))


def edit_by_directions(
    editor: Editor,
    latent: Latent,
    directions: Sequence[AnyDirection],
    on_step: OnStep = ignore,
    about: Mapping[str, Any] | None = None,
    region: Region | None = None,
) -> EditResult:
    """The sum of the directions, each at its alpha, recorded as an edit of `GlobalDirection`."""
    if len(directions) == 1 and isinstance(directions[0], StyleDirection):
        return editor.edit(latent, directions[0].prompt, directions[0], on_step, about, region)
    sliders = [Slider(direction, direction.alpha) for direction in directions]
    result = editor.edit_together(latent, sliders, on_step, about, region)
    settings = [direction.settings(editor.models) for direction in directions][: len(result.details)]
    recorded = settings[0] if len(directions) == 1 else {"edits": settings}
    return replace(result, method=GlobalDirection.name, settings=recorded)


def _size(point: SweepPoint) -> float:
    """How strong a point is, as far as it is known."""
    amount = point.alpha if point.strength is None else point.strength
    return abs(amount) if isinstance(amount, float) else 0.0
