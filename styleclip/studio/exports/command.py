"""Lines for a shell that make the picture of a state: `styleclip optimize` for baked rows, then `styleclip sliders`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from styleclip.errors import UsageError
from styleclip.inversion.pivotal_tuning import PivotalTuning
from styleclip.prompts import Prompt
from styleclip.settings import format_number
from styleclip.studio.exports.recipes import MASK_FILE, OUT, Ingredients, Loaded, Recipe
from styleclip.studio.states.state import DirectionRow, Face, MapperRow, Sample, State, TextRow

MAX_LINE_CHARS = 100  # a longer command is broken between its options
PYTHON = "copy it as Python instead"
TUNE_STEPS = PivotalTuning().steps

Words = Sequence[str]  # an option and its value


def command_of(engine: Loaded, state: State) -> Recipe:
    """Lines for bash that make the picture of a state, run in a folder with the files that they read.

    Raises UsageError for what a command cannot say, and as `Ingredients.of`.
    """
    found = Ingredients.of(engine, state)
    if not found.rows:
        return _unedited(found)
    commands = []
    for i, bake in enumerate(found.bakes, start=1):
        options = [*_parent(found), *_source(found, bake.face), *_optimized(bake.prompt), _out(f"baked-{i}")]
        commands.append(_command("optimize", options))
    mask = [("--mask", MASK_FILE)] if state.strokes else []
    edits = [*_model(found), *_source(found, state.face), *_rows(found), *mask, _out(OUT)]
    return Recipe("\n".join([*commands, _command("sliders", edits)]) + "\n", tuple(found.files))


def _unedited(found: Ingredients) -> Recipe:
    """The command that draws a sample as it is, or a photo by a child.

    Raises UsageError for a photo by the generator itself, which no command pastes without an edit.
    """
    face, child = found.state.face, found.state.child
    if not isinstance(face, Sample) and child is not None and not child.parent_layers:
        drawn = ("--child", f"{found.child} @ {format_number(child.amount)}")
        return Recipe(
            _command("sliders", [*_parent(found), *_source(found, face), drawn, _out(OUT)]) + "\n", tuple(found.files)
        )
    if not isinstance(face, Sample):
        raise UsageError(f"nothing is edited yet; move a slider, or {PYTHON}")
    psi = [] if face.psi == 1 else [("--psi", format_number(face.psi))]
    options = [*_model(found), ("--seeds", str(face.seed)), *psi, _out(OUT)]
    return Recipe(_command("sample", options) + "\n", tuple(each for each in found.files if each != MASK_FILE))


def _model(found: Ingredients) -> list[Words]:
    """The options of the generator that draws."""
    return _loaded(found.child or found.model, found.drawing_choices())


def _parent(found: Ingredients) -> list[Words]:
    """The options of the generator that the studio was started with."""
    return _loaded(found.model, found.choices)


def _loaded(model: str, choices: Mapping[str, Any]) -> list[Words]:
    return [("--model", model), *((f"--{name.replace('_', '-')}", _word(value)) for name, value in choices.items())]


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(format_number, value))
    return format_number(value) if isinstance(value, float) else str(value)


def _source(found: Ingredients, face: Face) -> Iterator[Words]:
    """The options of a face."""
    if isinstance(face, Sample):
        yield "--seed", str(face.seed)
        if face.psi != 1:
            yield "--psi", format_number(face.psi)
        return
    yield "--image", found.names[face.sha256]
    yield ("--face", str(face.face)) if face.face else ("--no-align",)
    if face.refine:
        yield "--refine", str(face.refine)
    if face.tune:
        if face.tune != TUNE_STEPS:
            raise UsageError(f"a command tunes for {TUNE_STEPS} steps, not {face.tune}; {PYTHON}")
        yield ("--tune",)


def _optimized(prompt: Prompt) -> list[Words]:
    neutrals = () if prompt.neutral is None else prompt.neutrals
    return [("--prompt", prompt.target), *(("--neutral", text) for text in neutrals), *_force(prompt)]


def _force(*prompts: Prompt) -> list[Words]:
    """`--force`, where one of the prompts is forced."""
    return [("--force",)] if any(prompt.force for prompt in prompts) else []


def _rows(found: Ingredients) -> Iterator[Words]:
    """The options of the rows, and of all texts together where their directions come from."""
    sources = {row.relevance for row in found.rows if isinstance(row, TextRow)}
    if len(sources) > 1:
        told = " and ".join(sorted(sources))
        raise UsageError(f"a command takes one --relevance for all texts, these take {told}; {PYTHON}")
    if sources - {"auto"}:
        yield "--relevance", sources.pop()
    yield from _force(*(row.prompt for row in found.rows if isinstance(row, TextRow)))
    for row in found.rows:
        strength = format_number(row.strength)
        if isinstance(row, TextRow):
            beta = "" if row.beta is None else f", {format_number(row.beta)}"
            yield "--edit", f"{_texts(row.prompt)} @ {strength}{beta}"
        elif isinstance(row, DirectionRow | MapperRow):
            yield f"--{row.kind}", f"{found.name_of(row)} @ {strength}"
        else:
            yield "--result", f"baked-{found.bake_of(row)} @ {strength}"


def _texts(prompt: Prompt) -> str:
    """`NEUTRAL / NEUTRAL -> TARGET`, or the target alone. Raises UsageError for texts with these signs in them."""
    neutrals = () if prompt.neutral is None else prompt.neutrals
    for text in prompt.texts:
        sign = "->" if "->" in text else "/" if text in neutrals and " / " in f" {text} " else ""
        if sign:
            raise UsageError(f"{text!r} has {sign!r} in it, which --edit takes for a sign; {PYTHON}")
    return f"{' / '.join(neutrals)} -> {prompt.target}" if neutrals else prompt.target


def _out(folder: str) -> Words:
    return "--out", folder


def _command(name: str, options: Sequence[Words]) -> str:
    """The command in one line, or with an option on each where that is longer than MAX_LINE_CHARS."""
    pieces = [f"styleclip {name}", *map(shlex.join, options)]
    line = " ".join(pieces)
    return line if len(line) <= MAX_LINE_CHARS else " \\\n  ".join(pieces)
