"""Lines of Python that make the picture of a state, by `styleclip.Editor.edit_together`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from styleclip.prompts import Prompt
from styleclip.settings import format_number
from styleclip.studio.exports.recipes import MASK_FILE, OUT, Ingredients, Loaded, Recipe, Row
from styleclip.studio.states.read_state import child_layers
from styleclip.studio.states.state import DirectionRow, MapperRow, PhotoFace, Sample, State, TextRow

LOAD_OPTIONS = (
    "clip",
    "label",
    "amount",
    "translate",
    "rotate",
)  # of the choices, those that `styleclip.load` takes by the same name
PARENT_EDITOR = "parent_editor"  # that of the parent, where a child draws and the parent optimizes


def python_of(engine: Loaded, state: State) -> Recipe:
    """Lines that make the picture of a state, run in a folder with the files that they read.

    Raises UsageError as `Ingredients.of`.
    """
    found = Ingredients.of(engine, state)
    parts = [
        _setup(found, engine),
        *(_bake(found, number) for number in range(1, len(found.bakes) + 1)),
        _sliders(found),
        _edit(found),
    ]
    return Recipe("\n\n".join("\n".join(part) for part in parts) + "\n", tuple(found.files))


def _setup(found: Ingredients, engine: Loaded) -> Iterator[str]:
    dtype = engine.models.provenance.get("dtype", "float32")
    yield from (["import torch", ""] if dtype != "float32" else [])
    yield from ("import styleclip", "")
    if found.loads_parent:
        yield f"parent = {_load(engine, found.model, found.choices)}"
        yield f"{PARENT_EDITOR} = styleclip.Editor(parent)"
    yield f"models = {_load(engine, found.child or found.model, found.drawing_choices())}"
    yield "editor = styleclip.Editor(models)"
    if found.state.strokes:
        yield f'region = styleclip.Region.load("{MASK_FILE}", models.generator.image_size)'


def _load(engine: Loaded, model: str, choices: Mapping[str, Any]) -> str:
    options = [_literal(model)]
    options += [f"{name}={_literal(choices[name])}" for name in LOAD_OPTIONS if name in choices]
    if layers := child_layers(choices.get("parent_layers", "")):
        options.append(f"parent_layers={layers!r}")
    device, dtype = engine.models.device, engine.models.provenance.get("dtype", "float32")
    options += [f'device="{device}"'] if device.type != "cpu" else []
    options += [f"dtype=torch.{dtype}"] if dtype != "float32" else []
    return f"styleclip.load({', '.join(options)})"


def _bake(found: Ingredients, number: int) -> Iterator[str]:
    """The optimization of a baked row."""
    bake, editor = found.bakes[number - 1], PARENT_EDITOR if found.loads_parent else "editor"
    latent = _sample(bake.face) if isinstance(bake.face, Sample) else f"inverted_{number}.latent"
    if isinstance(bake.face, PhotoFace):
        yield f"inverted_{number} = {editor}.invert({_photo(found, bake.face)}, {_invert(bake.face)})"
        editor = f"styleclip.Editor(inverted_{number}.models)"
    yield f"baked_{number} = {editor}.edit({latent}, {_prompt(bake.prompt)}, styleclip.Optimize())"


def _sliders(found: Ingredients) -> Iterator[str]:
    if not found.rows:
        yield "sliders = []"
        return
    yield "sliders = ["
    for row in found.rows:
        yield f"    styleclip.Slider({_slider(found, row)}),"
    yield "]"
    if (
        isinstance(found.state.face, PhotoFace) and found.state.face.tune
    ):  # directions are those of the untuned generator
        yield "sliders = [styleclip.Slider(each.find(models), each.strength) for each in sliders]"


def _slider(found: Ingredients, row: Row) -> str:
    """The arguments of a slider."""
    strength = format_number(row.strength)
    if isinstance(row, TextRow):
        beta = "" if row.beta is None else f", beta={format_number(row.beta)}"
        relevance = "" if row.relevance == "auto" else f", relevance={_literal(row.relevance)}"
        return f"{_prompt(row.prompt)}, {strength}{beta}{relevance}"
    if isinstance(row, MapperRow):
        return f"styleclip.LatentMapper({_literal(found.name_of(row))}), {strength}"
    if isinstance(row, DirectionRow):
        return f"styleclip.load_direction({_literal(found.name_of(row))}, models), {strength}"
    baked = f"baked_{found.bake_of(row)}"
    return f"styleclip.StyleStep.between(models, {baked}.source, {baked}.edited), {strength}"


def _edit(found: Ingredients) -> Iterator[str]:
    """The edit of the sample, or of the face of the photo, which is pasted back."""
    face, region = found.state.face, ", region=region" if found.state.strokes else ""
    if isinstance(face, Sample):
        yield f"result = editor.edit_together({_sample(face)}, sliders{region})"
        yield f'result.save("{OUT}")'
        return
    yield from ("def edit(source):", "    face_editor = styleclip.Editor(source.models)")
    yield f'    yield "", face_editor.edit_together(source.latent, sliders{region})'
    yield from ("", "")
    yield f"edited = styleclip.edit_photo(models, {_photo(found, face)}, edit, {_invert(face)})"
    yield f'edited.save("{OUT}")'


def _sample(face: Sample) -> str:
    psi = "" if face.psi == 1 else f", psi={format_number(face.psi)}"
    return f"editor.sample(seed={face.seed}{psi})"


def _photo(found: Ingredients, face: PhotoFace) -> str:
    return _literal(found.names[face.sha256])


def _invert(face: PhotoFace) -> str:
    options = [f"styleclip.Refine(steps={face.refine})"] if face.refine else []
    options += [f"tune=styleclip.PivotalTuning(steps={face.tune})"] if face.tune else []
    options += [f"face={face.face}" if face.face else "align=False"]
    return f"styleclip.Invert({', '.join(options)})"


def _prompt(prompt: Prompt) -> str:
    neutrals = () if prompt.neutral is None else prompt.neutrals
    texts = "" if not neutrals else f", {_literal(neutrals[0] if len(neutrals) == 1 else neutrals)}"
    force = ", force=True" if prompt.force else ""
    return f"styleclip.Prompt({_literal(prompt.target)}{texts}{force})"


def _literal(value: str | float | Sequence[str | float]) -> str:
    """A value as Python reads it, a text in double quotes."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_literal, value))})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
