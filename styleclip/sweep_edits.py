"""The edits of a sweep, and their directions at all combinations of strengths and thresholds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from styleclip.directions.calibration import calibrated
from styleclip.directions.loading import load_direction
from styleclip.errors import UsageError
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep
from styleclip.prompts import Prompt
from styleclip.settings import Strength
from styleclip.sweep_combinations import MAX_COMBINATIONS, Combination, combinations
from styleclip.weights.cache import Fetch

AnyDirection = StyleDirection | LatentDirection


@dataclass(frozen=True)
class Edit:
    """One of the edits of a sweep, which add up in S.

    Args:
        source: the texts, a direction, or the name of a direction as `load_direction` takes it.
        alpha: the strength of this edit; None takes that of the sweep, then that of the direction or the method.
        beta: the threshold of an edit by texts; None takes that of the sweep, then that of the method.

    Example:
        edits = [Edit(Prompt("an old face"), alpha=0.8), Edit("smile.safetensors", alpha=2)]
        [point] = sweep(editor, latent, edits)
    """

    source: Prompt | AnyDirection | str | Path
    alpha: Strength | None = None
    beta: Strength | None = None


def as_edit(edit: Edit | Prompt | AnyDirection) -> Edit:
    """An edit of a sweep, also of a prompt or a direction alone. Raises UsageError for all else, such as a str."""
    if isinstance(edit, Edit | Prompt | AnyDirection):
        return edit if isinstance(edit, Edit) else Edit(edit)
    raise UsageError(
        f"a sweep takes a Prompt, a direction or an Edit, not {type(edit).__name__}; write a text as Prompt(text)"
    )


def check_sweep(
    edits: Sequence[Edit],
    alphas: Sequence[Strength] | None,
    betas: Sequence[Strength] | None,
    method: GlobalDirection,
    strengths: Sequence[float] | None = None,
) -> None:
    """Raise UsageError for settings that make no sense, before anything is loaded."""
    if alphas and strengths:
        raise UsageError("alpha and strength both say how far to go, raw and calibrated; pass one of them")
    asked = combinations(alphas, betas, strengths)
    texts = [edit for edit in edits if isinstance(edit.source, Prompt)]
    if not edits:
        raise UsageError("there is nothing to edit; pass at least one prompt or direction")
    if len(asked) > MAX_COMBINATIONS:
        amount = "strength" if strengths else "alpha"
        raise UsageError(
            f"these are {len(asked)} combinations of {amount} and beta; ask for at most {MAX_COMBINATIONS}"
        )
    if method.channels is not None and not texts:
        raise UsageError("a saved direction has its channels already; leave out --channels")
    for edit in texts:
        for each in asked:
            _method_at(method, edit, each.alpha, each.beta)


def directions_at(
    models: Models,
    edit: Edit,
    asked: Sequence[Combination],
    method: GlobalDirection,
    on_step: OnStep,
    fetch: Fetch,
) -> list[AnyDirection]:
    """The direction of one edit at every combination, calibrated where its strength is asked for."""
    found = _directions_by_beta(models, edit, dict.fromkeys(each.beta for each in asked), method, on_step, fetch)
    if edit.alpha is None and any(each.strength is not None for each in asked):
        found = {beta: calibrated(each, models, on_step) for beta, each in found.items()}
    return [_at(found[each.beta], edit, each) for each in asked]


def _at(direction: AnyDirection, edit: Edit, asked: Combination) -> AnyDirection:
    """A direction with its alpha: of the edit, else of the sweep, else its own."""
    if edit.alpha is None and asked.strength is not None and direction.unit is not None:
        return direction.at(asked.strength * direction.unit)
    alpha: Strength = _first_given(edit.alpha, asked.alpha, direction.alpha)
    if isinstance(direction, StyleDirection):
        return direction.at(alpha)
    if alpha == "auto":
        raise UsageError(f'only texts know alpha "auto"; write a number for {direction.name!r}, like "NAME @ 1"')
    return direction.at(alpha)


def _directions_by_beta(
    models: Models,
    edit: Edit,
    betas: Collection[Strength | None],
    method: GlobalDirection,
    on_step: OnStep,
    fetch: Fetch,
) -> dict[Strength | None, AnyDirection]:
    """The direction of one edit at every beta, with the alpha of the method or its own."""
    if isinstance(edit.source, Prompt):
        relevance = method.measure(models, edit.source, on_step)
        return {beta: _method_at(method, edit, None, beta).select(models, edit.source, relevance) for beta in betas}
    direction = load_direction(edit.source, models, fetch) if isinstance(edit.source, str | Path) else edit.source
    if isinstance(direction, StyleDirection) and direction is not edit.source:
        direction = direction.with_settings(method.resolve(models))
    return dict.fromkeys(betas, direction)


def _method_at(method: GlobalDirection, edit: Edit, alpha: Strength | None, beta: Strength | None) -> GlobalDirection:
    """`method` with the alpha and beta of an edit by texts, else with those of the sweep, where they are given."""
    values = {"alpha": alpha if edit.alpha is None else edit.alpha, "beta": beta if edit.beta is None else edit.beta}
    changes: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if edit.beta is not None:
        changes["channels"] = None
    return replace(method, **changes)


def _first_given(*values: Strength | None) -> Strength:
    return next(value for value in values if value is not None)
