"""The edit of a source by sliders, with the record of each: what `Editor.edit_together` renders and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.sliders import Found, Slider, add_steps, offset_in_s, step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompt_words import warn_unknown_words
from styleclip.prompts import Prompt


@dataclass
class SliderEdit:
    """The edited latent in S, and of each slider that was applied its text, settings and details for the record.

    `names` are the texts, or those of the files of sliders whose text is not known, which have no prompt.
    `interrupted` says that Ctrl-C came before the last slider.
    """

    edited: Latent
    names: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False


def edit_by_sliders(models: Models, source: Latent, sliders: Sequence[Slider], on_step: OnStep = ignore) -> SliderEdit:
    """Apply all sliders to a source at once. Ctrl-C keeps those that were found by then, and is raised before one was.

    Issues a PromptWarning for words that CLIP does not know, and a StrengthWarning for a strength far beyond samples.
    """
    in_s = models.generator.to_space(source, Space.S)
    edit = SliderEdit(in_s)
    steps: list[tuple[float, Direction]] = []
    for index, slider in enumerate(sliders, start=1):
        try:
            found = slider.find(models, on_step)
            check_texts(models, [Slider(found)])
            if isinstance(found, StyleDirection):
                found.at(slider.strength).warn_if_strong()
            step, offset = step_in_s(models, found, source), offset_in_s(models, found, source)
            details = slider_details(models, found, slider.strength, in_s)
            on_step(Step(index, len(sliders), stage="sliders"))
        except KeyboardInterrupt:
            if not steps:
                raise
            edit.interrupted = True
            break
        steps += [(slider.strength, step), *([(1.0, offset)] if offset else [])]
        prompt = prompt_of(found)
        edit.prompts += [prompt] if prompt else []
        edit.names.append(_name(found))
        edit.settings.append(slider_settings(models, found, slider.strength))
        edit.details.append(details)
    edit.edited = add_steps(in_s, steps)
    return edit


def prompt_of(found: Found) -> Prompt | None:
    """The text of a slider; None where a mapper or a result does not tell it."""
    return found.prompt if not isinstance(found, LatentMapper) else getattr(found.mapper, "prompt", None)


def slider_settings(models: Models, found: Found, strength: float) -> dict[str, Any]:
    """The text of a slider, its strength, its settings, and the name and hash of the file that it was read from."""
    if isinstance(found, StyleDirection):
        settings = {name: value for name, value in found.settings(models).items() if name != "alpha"}
    elif isinstance(found, LatentDirection):
        settings = {"name": found.name, "space": found.space.value, "layers": found.layers, "unit": found.unit}
        settings |= {"absolute": found.center is not None}
    else:
        settings = {"mapper_strength": found.strength} if isinstance(found, LatentMapper) else {}
    return {**_texts(found), "strength": strength, **settings, **_origin(found)}


def slider_details(models: Models, found: Found, strength: float, source: Latent) -> dict[str, Any]:
    """What is known of a slider on every image of `source` (in S); `alpha` is its strength."""
    alpha = {"alpha": [round(strength, 6)] * len(source)}
    if isinstance(found, StyleDirection):
        return {**found.details, **alpha, **found.shown(models, source)}
    about = {"mapper": dict(found.load_mapper(models).about)} if isinstance(found, LatentMapper) else {}
    return {**_texts(found), **alpha, **about, **_origin(found)}


def _name(found: Found) -> str:
    """What the record calls a slider: its text, else the name of the direction, else that of its file."""
    prompt = prompt_of(found)
    if prompt:
        return prompt.target
    return found.name if isinstance(found, LatentDirection) else Path(_origin(found).get("file", "a step")).stem


def _texts(found: Found) -> dict[str, Any]:
    prompt = prompt_of(found)
    return {"target": prompt.target, "neutral": prompt.recorded_neutral} if prompt else {}


def _origin(found: Found) -> dict[str, Any]:
    """The name and hash of the file that a slider was read from, if it was."""
    if isinstance(found, LatentMapper):
        return dict(getattr(found.mapper, "origin", {}))
    if isinstance(found, StyleDirection):
        return {name: found.origin[name] for name in ("file", "sha256") if name in found.origin}
    return dict(found.origin)


def check_texts(models: Models, sliders: Sequence[Slider]) -> None:
    """Issue a PromptWarning for words that CLIP does not know. Raises UsageError for a text that is too long for it."""
    for slider in sliders:
        prompt = slider.source if isinstance(slider.source, Prompt) else prompt_of(slider.source)
        if prompt is not None:
            texts = (prompt.target, *prompt.neutrals)
            models.clip.check_lengths(texts)
            if not slider.reads_claims(models):
                warn_unknown_words(models.clip, texts)
