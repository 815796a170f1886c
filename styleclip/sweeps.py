"""Edits that add up, at many strengths and thresholds; CLIP is measured once per text (StyleCLIP, section 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from styleclip.directions.style_direction_files import load_style_direction
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.sliders import Slider
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.results import EditResult
from styleclip.settings import Strength, format_number

MAX_COMBINATIONS = 100  # of strengths and betas in one sweep

Value = TypeVar("Value")


@dataclass(frozen=True)
class Edit:
    """One of the edits of a sweep, which add up in S.

    Args:
        source: the texts, a direction, or the file of a direction.
        alpha: the strength of this edit; None takes that of the sweep, then that of the direction or the method.
        beta: the threshold of an edit by texts; None takes that of the sweep, then that of the method.
    """

    source: Prompt | StyleDirection | Path
    alpha: Strength | None = None
    beta: Strength | None = None


class Combination(NamedTuple):
    """One alpha or one calibrated strength of a sweep, and one beta; None where they are left to edits and method."""

    alpha: Strength | None = None
    beta: Strength | None = None
    strength: float | None = None


@dataclass(frozen=True)
class SweepPoint:
    """A combination of a sweep, and the directions of all edits there."""

    combination: Combination
    directions: Sequence[StyleDirection]

    @property
    def alpha(self) -> Strength | None:
        return self.combination.alpha

    @property
    def beta(self) -> Strength | None:
        return self.combination.beta

    @property
    def common_alpha(self) -> Strength | None:
        """The alpha of all directions; None where they differ."""
        alphas = {direction.alpha for direction in self.directions}
        return alphas.pop() if len(alphas) == 1 else None


@dataclass(frozen=True)
class SweepResult(SweepPoint):
    """A point of a sweep and the result of its edits."""

    result: EditResult


def sweep(
    editor: Editor,
    latent: Latent,
    edits: Sequence[Edit | Prompt | StyleDirection],
    alphas: Sequence[Strength] | None = None,
    betas: Sequence[Strength] | None = None,
    method: GlobalDirection | None = None,
    on_step: OnStep = ignore,
    about: Mapping[str, Any] | None = None,
) -> Iterator[SweepResult]:
    """The sum of all edits at every alpha and every beta; the relevance of channels is measured once per text.

    Every edit is found for `latent`, so their order does not change the picture. Results come strongest first, so a
    picture that is not finite raises NumericError before weaker ones are made. Ctrl-C keeps the best latent so far of a
    single point; of several it raises KeyboardInterrupt, and those yielded before are complete. Raises UsageError for
    settings that make no sense, and where texts single out no channel.

    Example:
        for point in styleclip.sweep(editor, latent, [Prompt("an old face")], alphas=[-4, 4], betas=[0.1, 0.15]):
            point.result.save(f"old/alpha_{point.alpha}_beta_{point.beta}")
    """
    return edit_at_points(
        editor, latent, find_points(editor.models, edits, alphas, betas, method, on_step), on_step, about
    )


def find_points(
    models: Models,
    edits: Sequence[Edit | Prompt | StyleDirection],
    alphas: Sequence[Strength] | None = None,
    betas: Sequence[Strength] | None = None,
    method: GlobalDirection | None = None,
    on_step: OnStep = ignore,
) -> list[SweepPoint]:
    """The directions of all edits at every alpha and beta: the slow part of a sweep, the same for every latent.

    A step is one of the samples that are rendered for a regression, where there are too few.
    """
    method = method or GlobalDirection()
    listed = [edit if isinstance(edit, Edit) else Edit(edit) for edit in edits]
    check_sweep(listed, alphas, betas, method)
    asked = combinations(alphas, betas)
    columns = [_directions(models, edit, asked, method, on_step) for edit in listed]
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
        result = _edit(editor, latent, point.directions, on_step if len(points) == 1 else ignore, about)
        if result.interrupted and len(points) > 1:
            raise KeyboardInterrupt
        yield SweepResult(point.combination, point.directions, result)
        on_step(Step(index, len(points), {}, result.edited, stage="sweep"))


def _edit(
    editor: Editor,
    latent: Latent,
    directions: Sequence[StyleDirection],
    on_step: OnStep,
    about: Mapping[str, Any] | None,
) -> EditResult:
    """The sum of the directions, recorded as an edit of `GlobalDirection`."""
    if len(directions) == 1 and isinstance(directions[0], StyleDirection):
        return editor.edit(latent, directions[0].prompt, directions[0], on_step, about)
    sliders = [Slider(direction, direction.alpha) for direction in directions]
    result = editor.edit_together(latent, sliders, on_step, about)
    settings = [direction.settings(editor.models) for direction in directions][: len(result.details)]
    return replace(result, method=GlobalDirection.name, settings={"edits": settings})


def check_sweep(
    edits: Sequence[Edit],
    alphas: Sequence[Strength] | None,
    betas: Sequence[Strength] | None,
    method: GlobalDirection,
) -> None:
    """Raise UsageError for settings that make no sense, before anything is loaded."""
    asked = combinations(alphas, betas)
    texts = [edit for edit in edits if isinstance(edit.source, Prompt)]
    if not edits:
        raise UsageError("there is nothing to edit; pass at least one prompt or direction")
    if len(asked) > MAX_COMBINATIONS:
        raise UsageError(f"these are {len(asked)} combinations of alpha and beta; ask for at most {MAX_COMBINATIONS}")
    if method.channels is not None and not texts:
        raise UsageError("a saved direction has its channels already; leave out --channels")
    for edit in texts:
        for each in asked:
            _method_at(method, edit, each.alpha, each.beta)


def combinations(alphas: Sequence[Strength] | None, betas: Sequence[Strength] | None) -> list[Combination]:
    """Every alpha at every beta, the betas outermost; None where nothing is asked for."""
    return [Combination(_as_float(alpha), _as_float(beta)) for beta in betas or (None,) for alpha in alphas or (None,)]


def combination_names(alphas: Sequence[Strength] | None, betas: Sequence[Strength] | None) -> dict[Combination, str]:
    """A name for every combination, for its folder: `alpha_4_beta_0.12`, of the two that vary; "" for a single one."""
    asked = combinations(alphas, betas)
    varying = [name for name in Combination._fields if len({getattr(each, name) for each in asked}) > 1]
    return {each: "_".join(f"{name}_{format_number(getattr(each, name))}" for name in varying) for each in asked}


def _directions(
    models: Models, edit: Edit, asked: Sequence[Combination], method: GlobalDirection, on_step: OnStep
) -> list[StyleDirection]:
    """The direction of one edit at every combination."""
    found = _directions_by_beta(models, edit, dict.fromkeys(each.beta for each in asked), method, on_step)
    return [found[each.beta].at(_first_given(edit.alpha, each.alpha, found[each.beta].alpha)) for each in asked]


def _directions_by_beta(
    models: Models, edit: Edit, betas: Collection[Strength | None], method: GlobalDirection, on_step: OnStep
) -> dict[Strength | None, StyleDirection]:
    """The direction of one edit at every beta, with the alpha of the method or its own."""
    if isinstance(edit.source, Prompt):
        relevance = method.measure(models, edit.source, on_step)
        return {beta: _method_at(method, edit, None, beta).select(models, edit.source, relevance) for beta in betas}
    direction = edit.source
    if isinstance(direction, Path):
        direction = load_style_direction(direction, models).with_settings(method.resolve(models))
    return dict.fromkeys(betas, direction)


def _method_at(method: GlobalDirection, edit: Edit, alpha: Strength | None, beta: Strength | None) -> GlobalDirection:
    """`method` with the alpha and beta of an edit by texts, else with those of the sweep, where they are given."""
    values = {"alpha": alpha if edit.alpha is None else edit.alpha, "beta": beta if edit.beta is None else edit.beta}
    changes: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if edit.beta is not None:
        changes["channels"] = None
    return replace(method, **changes)


def _size(point: SweepPoint) -> float:
    """How strong a point is, as far as it is known."""
    return abs(point.alpha) if isinstance(point.alpha, float) else 0.0


def _as_float(value: Strength | None) -> Strength | None:
    return value if value is None or value == "auto" else float(value)


def _first_given(*values: Value | None) -> Value:
    return next(value for value in values if value is not None)
