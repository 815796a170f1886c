"""The steps of rows on a face, and the strengths that it needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from styleclip.errors import StyleClipError
from styleclip.latents import Direction, Latent
from styleclip.methods.sliders import Found, add_steps, auto_strength, offset_in_s, step_in_s
from styleclip.methods.style_direction import StyleDirection
from styleclip.progress import OnStep
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.facts import add_strength_facts, step_facts
from styleclip.studio.drawing.needs import Needs, key_of
from styleclip.studio.drawing.rows import FoundRow, fault_facts
from styleclip.studio.drawing.sources import SourceFace
from styleclip.studio.states.state import UnreadRow
from styleclip.studio.threads.tasks import Job, Task

MAX_STEPS, MAX_STEP_BYTES = 2048, 2**27


@dataclass(frozen=True, eq=False)
class RowStep:
    """The step [1, C] in S of a row on a face, at strength 1, and the facts that come with it.

    `offset` [1, C] is what an absolute direction adds besides, at any strength.
    """

    step: Direction
    offset: Direction | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def at(self, strength: float) -> list[tuple[float, Direction]]:
        """What the row adds at a strength, as `add_steps` takes it."""
        return [(strength, self.step), *([(1.0, self.offset)] if self.offset else [])]


class RowSteps:
    """Finds the steps of rows; each is kept for its row and face, so a strength costs no more than a multiplication."""

    def __init__(self) -> None:
        self._steps: Cache[RowStep] = Cache(MAX_STEPS, MAX_STEP_BYTES)

    def edit(self, face: SourceFace, rows: list[FoundRow], needs: Needs) -> Latent:
        """The face in S with the steps of all rows that are on; its own where nothing moves. Adds to facts of rows."""
        steps = []
        for each in rows:
            try:
                steps += self._step(each, face, needs)
            except StyleClipError as error:
                each.facts |= fault_facts(error)
        return add_steps(face.in_s, steps)

    def _step(self, each: FoundRow, face: SourceFace, needs: Needs) -> list[tuple[float, Direction]]:
        """Strength and step of a row; none where it is off or not known yet."""
        row, found = each.row, each.found
        if found is None or isinstance(row, UnreadRow):
            return []
        step = self._steps.get_or_make((each.key, face.key), lambda: _make_step(found, face))
        each.facts |= step.facts
        needed = self._needed_strength(each, found, face, needs, row.strength is None)
        each.strength = needed if row.strength is None else row.strength
        add_strength_facts(each.facts, found, each.strength)
        return step.at(each.strength) if row.on else []

    def _needed_strength(self, each: FoundRow, found: Found, face: SourceFace, needs: Needs, is_wanted: bool) -> float:
        """The strength that the face needs, also among the facts; 0 while it is being found, or not known."""

        def work(on_step: OnStep) -> float:
            return round(auto_strength(face.models, found, face.latent, on_step).item(), 4)

        value: Any = 1.0 if each.own_strength is None else each.own_strength
        if isinstance(found, StyleDirection) and each.own_strength is None:
            task = Task(key_of("strength", each.key, face.key), "finding the strength that this face needs", work)
            value = needs.request(task) if is_wanted else needs.peek(task.key)
        if isinstance(value, Job):
            each.facts["job"] = value.record
        elif value is not None:
            each.facts["auto"] = value
            return float(value)
        return 0.0


def step_on_face(found: Found, face: SourceFace) -> RowStep:
    """The step of a row on a face, from the CLIP features that the face keeps."""
    features = face.features if isinstance(found, StyleDirection) and found.claims else None
    step = step_in_s(face.models, found, face.latent, features)
    return RowStep(step, offset_in_s(face.models, found, face.latent))


def _make_step(found: Found, face: SourceFace) -> RowStep:
    step = step_on_face(found, face)
    return replace(step, facts=step_facts(found, step.step, face))
