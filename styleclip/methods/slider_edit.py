"""The edit of a source by sliders, with the record of each: what `Editor.edit_together` renders and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.prompt_check import check_method_prompt
from styleclip.methods.sliders import Found, Slider, add_steps, offset_in_s, step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.settings import Strength


@dataclass
class SliderEdit:
    """The edited latent in S, and of each slider that was applied its text, settings and details for the record.

    `names` are the texts, or those of the files of sliders whose text is not known, which have no prompt. `steps` are
    the latents with the first slider, the first two, ..., all of them. `interrupted` says that Ctrl-C came before the
    last slider.
    """

    edited: Latent
    names: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    steps: list[Latent] = field(default_factory=list)
    interrupted: bool = False


def edit_by_sliders(models: Models, source: Latent, sliders: Sequence[Slider], on_step: OnStep = ignore) -> SliderEdit:
    """Apply all sliders to a source at once. Ctrl-C keeps those that were found by then, and is raised before one was.

    Checks the texts as `check_method_prompt`, and issues a StrengthWarning for a strength far beyond samples.
    """
    check_texts(models, sliders)
    in_s = models.generator.to_space(source, Space.S)
    edit = SliderEdit(in_s)
    steps: list[tuple[float, Direction]] = []
    features: Tensor | None = None  # of CLIP, measured once
    for index, slider in enumerate(sliders, start=1):
        try:
            found = slider.find(models, on_step)
            if isinstance(found, StyleDirection):
                found.at(slider.strength).warn_if_strong()
                features = models.clip_features(in_s) if found.claims and features is None else features
            alpha, pairs = _find_steps(models, found, slider.strength, source, features, on_step)
            details = slider_details(models, found, alpha, in_s, features)
            on_step(Step(index, len(sliders), stage="sliders"))
        except KeyboardInterrupt:
            if not steps:
                raise
            edit.interrupted = True
            break
        steps += pairs
        edit.steps.append(add_steps(edit.steps[-1] if edit.steps else in_s, pairs))
        prompt = prompt_of(found)
        edit.prompts += [prompt] if prompt else []
        edit.names.append(name_of(found))
        edit.settings.append(slider_settings(models, found, slider.strength))
        edit.details.append(details)
    edit.edited = add_steps(in_s, steps)
    edit.steps[-1:] = [edit.edited] if steps else []
    return edit


def _find_steps(
    models: Models, found: Found, strength: Strength, source: Latent, features: Tensor | None, on_step: OnStep
) -> tuple[list[float], list[tuple[float, Direction]]]:
    """The alpha of every image of `source`, and all that is added in S, as steps and their multiples."""
    if strength == "auto" and isinstance(found, StyleDirection):
        found, in_s = found.at("auto"), models.generator.to_space(source, Space.S)
        alpha = found.strengths(models, in_s, on_step, features)
        step = Direction(Space.S, alpha[:, None] * found.directions(models, in_s, features).data)
        return alpha.tolist(), [(1.0, step)]
    number, offset = float(strength), offset_in_s(models, found, source)
    steps = [(number, step_in_s(models, found, source, features)), *([(1.0, offset)] if offset else [])]
    return [number] * len(source), steps


def prompt_of(found: Found) -> Prompt | None:
    """The text of a slider; None where a mapper or a result does not tell it."""
    return found.prompt if not isinstance(found, LatentMapper) else getattr(found.mapper, "prompt", None)


def slider_settings(models: Models, found: Found, strength: Strength) -> dict[str, Any]:
    """The text of a slider, its strength, its settings, and the name and hash of the file that it was read from."""
    if isinstance(found, StyleDirection | LatentDirection):
        settings = {name: value for name, value in found.settings(models).items() if name not in ("alpha", "strength")}
    else:
        settings = {"mapper_strength": found.strength} if isinstance(found, LatentMapper) else {}
    return {**_texts(found), "strength": strength, **settings, **_origin(found)}


def slider_details(
    models: Models, found: Found, alphas: Sequence[float], source: Latent, features: Tensor | None
) -> dict[str, Any]:
    """What is known of a slider on every image of `source` (in S), of CLIP features [N, D]; `alpha` is its strength."""
    alpha = {"alpha": [round(each, 6) for each in alphas]}
    if isinstance(found, StyleDirection):
        return {**found.details, **alpha, **found.shown(models, source, features)}
    about = {"mapper": dict(found.load_mapper(models).about)} if isinstance(found, LatentMapper) else {}
    return {**_texts(found), **alpha, **about, **_origin(found)}


def name_of(found: Found) -> str:
    """What the record calls a slider: its text, else that of its direction or of its file."""
    prompt = prompt_of(found)
    if prompt:
        return prompt.target
    return found.label if isinstance(found, LatentDirection) else Path(_origin(found).get("file", "a step")).stem


def _texts(found: Found) -> dict[str, Any]:
    prompt = prompt_of(found)
    return {"target": prompt.target, "neutral": prompt.recorded_neutral, **prompt.recorded_force} if prompt else {}


def _origin(found: Found) -> dict[str, Any]:
    """The name and hash of the file that a slider was read from, if it was."""
    if isinstance(found, LatentMapper):
        return dict(getattr(found.mapper, "origin", {}))
    if isinstance(found, StyleDirection):
        return {name: found.origin[name] for name in ("file", "sha256") if name in found.origin}
    return dict(found.origin)


def check_texts(models: Models, sliders: Sequence[Slider]) -> None:
    """Check the texts of prompts, and of directions, mappers and results that know theirs, as `check_method_prompt`."""
    for slider in sliders:
        source = slider.source
        if isinstance(source, Prompt):
            check_method_prompt(models, source, slider.method())
        elif not isinstance(source, LatentDirection) and (prompt := prompt_of(source)):
            check_method_prompt(models, prompt, source)
