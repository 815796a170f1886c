"""What the rows of a state move: their directions, mappers and steps, found once and shared by all tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from styleclip.errors import StyleClipError
from styleclip.latents import Latent
from styleclip.methods.base import Method
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.mapper import LatentMapper, TrainedMapper
from styleclip.methods.optimize import Optimize
from styleclip.methods.prompt_check import check_method_prompt
from styleclip.methods.sliders import Found
from styleclip.methods.style_direction import StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.progress import OnStep
from styleclip.prompt_words import PromptWarning, UnknownWordsError
from styleclip.prompts import Prompt
from styleclip.runtime.warnings_of_thread import collect_warnings
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.directions import (
    FileDirections,
    NamedDirections,
    ReadDirection,
    direction_facts,
    own_strength,
)
from styleclip.studio.drawing.mappers import CatalogMappers
from styleclip.studio.drawing.needs import Key, Needs, key_of
from styleclip.studio.drawing.sources import SourceFace
from styleclip.studio.requests import StudioError
from styleclip.studio.sessions import Session
from styleclip.studio.states.state import (
    DirectionRow,
    Face,
    MapperRow,
    OptimizeRow,
    Row,
    State,
    TextRow,
    UnreadRow,
    face_record,
)
from styleclip.studio.threads.tasks import Job, Task

MAX_DIRECTIONS, MAX_DIRECTION_BYTES = 256, 2**28

Value = TypeVar("Value")
FindFace = Callable[[Face, Session, Needs], "SourceFace | Job"]


@dataclass(frozen=True, eq=False)
class BakedEdit:
    """A finished optimization: the latents before and after it, and its text."""

    source: Latent
    edited: Latent
    prompt: Prompt

    def step(self, models: Models) -> StyleStep:
        """The difference of the latents in S."""
        return StyleStep.between(models, self.source, self.edited, self.prompt)


@dataclass(eq=False)
class FoundRow:
    """A row, what it moves where that is known, and the facts of it for the page.

    `key` names what it moves: equal keys mean equal steps on a face. `strength` is that of the row, or the one that the
    face needs; `own_strength` is that of its file.
    """

    row: Row
    found: Found | None = None
    key: Key = ""
    strength: float = 0.0
    own_strength: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    baked: BakedEdit | None = None

    def fit(self, models: Models) -> None:
        """Take the step of an optimization in the S of other models, as their affine layers may differ."""
        if self.baked is not None:
            self.found = self.baked.step(models)

    @property
    def moves(self) -> bool:
        """Whether the row is on and known."""
        return self.found is not None and not isinstance(self.row, UnreadRow) and self.row.on


@dataclass(frozen=True, eq=False)
class _Measured:
    """The relevance of all channels for a text, or a step, and the warnings on the way."""

    value: Any
    warnings: Sequence[str]


class RowFinder:
    """Finds what rows move, by jobs where that is slow.

    Args:
        models: the models of the engine.
        find_face: gives the face of an `OptimizeRow`.
    """

    def __init__(self, models: Models, find_face: FindFace) -> None:
        self.models, self.find_face = models, find_face
        self.mappers, self.directions = CatalogMappers(models), NamedDirections(models)
        self._text_directions: Cache[StyleDirection] = Cache(MAX_DIRECTIONS, MAX_DIRECTION_BYTES)

    def find_rows(self, state: State, session: Session, needs: Needs) -> list[FoundRow]:
        """All rows of a state; a row with an error has its sentence in its facts."""
        found = []
        for row in state.rows:
            each = FoundRow(row)
            try:
                self._find(each, session, needs)
            except StyleClipError as error:
                each.facts |= fault_facts(error)
            found.append(each)
        return found

    def _find(self, each: FoundRow, session: Session, needs: Needs) -> None:
        row = each.row
        match row:
            case UnreadRow():
                each.facts["error"] = row.fault
            case TextRow():
                self._find_direction(each, row, needs)
            case OptimizeRow():
                self._find_step(each, row, session, needs)
            case DirectionRow(sha256=None):
                self._take_direction(each, *self.directions.get(row.name))
            case DirectionRow():
                direction = _uploaded(session, row, FileDirections, "direction").get(row.key)
                self._take_direction(each, direction, key_of("direction", row.sha256, row.key))
            case MapperRow(sha256=None):
                each.found, each.key = self.mappers.get(row.name), key_of("mapper", row.name)
            case MapperRow():
                each.found = LatentMapper(_uploaded(session, row, TrainedMapper, "mapper"))
                each.key = key_of("mapper", row.sha256)

    def _take_direction(self, each: FoundRow, read: ReadDirection, key: Key) -> None:
        """Take a direction of a file for a row. Raises WeightError for one of another generator."""
        direction = read.direction
        if isinstance(direction, LatentDirection):
            direction.check_fits(self.models)
        each.found, each.key, each.own_strength = direction.at(1.0), key, own_strength(direction)
        each.facts |= direction_facts(read, self.models)

    def _find_direction(self, each: FoundRow, row: TextRow, needs: Needs) -> None:
        given: dict[str, Any] = {} if row.beta is None else {"beta": row.beta}
        method = GlobalDirection(alpha=1.0, relevance=row.relevance, **given)

        def work(on_step: OnStep) -> _Measured:
            with collect_warnings(PromptWarning) as sentences:
                return _Measured(method.measure(self.models, row.prompt, on_step), sentences)

        key = key_of("text", *_prompt_parts(row.prompt), row.relevance)
        self._check(row, method, key, needs)
        measured = _value(each, needs, Task(key, f"finding the direction of {row.prompt.target!r}", work), row.on)
        if measured is not None:
            each.key = key_of(key, row.beta)
            each.found = self._text_directions.get_or_make(
                each.key, lambda: method.select(self.models, row.prompt, measured.value)
            )

    def _find_step(self, each: FoundRow, row: OptimizeRow, session: Session, needs: Needs) -> None:
        key, method = key_of("optimize", *_prompt_parts(row.prompt), face_record(row.face)), Optimize()
        self._check(row, method, key, needs)
        face = None
        if row.on and needs.peek(key) is None:
            found = self.find_face(row.face, session, needs)
            if isinstance(found, Job):
                each.facts["job"] = found.record
                return
            face = found

        def work(on_step: OnStep) -> _Measured:
            assert face is not None
            with collect_warnings(PromptWarning) as sentences:
                check_method_prompt(self.models, row.prompt, method)
                edited = method(face.models, face.latent, row.prompt, on_step)
                return _Measured(BakedEdit(face.latent, edited, row.prompt), sentences)

        task = Task(key, f"optimizing the face towards {row.prompt.target!r}", work, "long")
        measured = _value(each, needs, task, row.on)
        if measured is not None:
            each.baked, each.key = measured.value, key
            each.fit(self.models)

    def _check(self, row: TextRow | OptimizeRow, method: Method, key: Key, needs: Needs) -> None:
        """Raise UsageError before the work for texts that CLIP cannot read, and for unknown words; the work warns."""
        if row.on and needs.peek(key) is None:
            with collect_warnings(PromptWarning):
                check_method_prompt(self.models, row.prompt, method)


def _prompt_parts(prompt: Prompt) -> tuple[Any, ...]:
    """What tells a prompt from others, for a key."""
    return (prompt.target, prompt.neutral, prompt.force)


def fault_facts(error: StyleClipError) -> dict[str, Any]:
    """The facts of a row with an error."""
    facts: dict[str, Any] = {"error": str(error)}
    if isinstance(error, UnknownWordsError):
        facts = {"error": error.sentence, "can_force": True}
    if isinstance(error, StudioError):
        facts |= {name: value for name in ("missing", "retry") if (value := getattr(error, name))}
    return facts


def _value(each: FoundRow, needs: Needs, task: Task, start: bool) -> _Measured | None:
    """What a task gave, with its warnings in the facts; else None, with its job in the facts."""
    value = needs.request(task) if start else needs.peek(task.key)
    if isinstance(value, Job):
        each.facts["job"] = value.record
        return None
    if value is not None and value.warnings:
        each.facts["warning"] = "; ".join(value.warnings)
    return cast("_Measured | None", value)


def _uploaded(session: Session, row: DirectionRow | MapperRow, kind: type[Value], what: str) -> Value:
    """What was read from the file of a row; raises StudioError where it is not there."""
    upload = session.uploads.get(row.sha256 or "")
    if upload is None:
        raise StudioError(f"the studio does not have {row.name}; drop the file on the page", missing="file")
    if not isinstance(upload.value, kind):
        raise StudioError(f"{row.name} is no {what}; remove this row, and drop the file on the page again")
    return upload.value
