"""Draws the state of a tab: the edited face as a picture, with the facts of every row."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.images import to_pil
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.networks.transform import Transform
from styleclip.regions import Region
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.children import Children
from styleclip.studio.drawing.faces import PhotoFaces, paste_preview
from styleclip.studio.drawing.facts import PictureFacts
from styleclip.studio.drawing.needs import Needs
from styleclip.studio.drawing.painting import OnBlock, Painter
from styleclip.studio.drawing.pictures import encode_picture
from styleclip.studio.drawing.rows import FoundRow, RowFinder
from styleclip.studio.drawing.sources import SourceFace, SourceFaces
from styleclip.studio.drawing.steps import RowSteps
from styleclip.studio.requests import Drawn, FrameRequest, Pending, StudioError
from styleclip.studio.sessions import Session
from styleclip.studio.states.state import ChildChoice, PhotoFace, State, Stroke
from styleclip.studio.states.strokes import region_of
from styleclip.studio.threads.jobs import Jobs
from styleclip.studio.threads.tasks import Job

MAX_MOVED = 8  # faces that were moved by a state
MAX_REGIONS, MAX_REGION_BYTES = 64, 2**26


@dataclass(eq=False)
class Drawing:
    """A state on its way to a picture.

    Args:
        face: before the edit.
        rows: what the state moves, with the facts of each.
        edited: the latent in S.
        region: where the picture may change; None for everywhere.
        notes: sentences for the page.
    """

    face: SourceFace
    rows: list[FoundRow]
    edited: Latent
    region: Region | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def moves(self) -> bool:
        """Whether the edit moves anything."""
        return self.edited is not self.face.in_s


class Drawer:
    """Draws states. What is slow is found by jobs or kept: a slider that moves costs one picture.

    Args:
        models: the models of the studio.
        jobs: where directions, inversions and optimizations run.
        children: what may draw in the place of the generator.
    """

    def __init__(self, models: Models, jobs: Jobs, children: Children | None = None) -> None:
        self.models, self.jobs, self.children = models, jobs, children or Children(models)
        self.faces = SourceFaces(models)
        self.rows = RowFinder(models, self.faces.find)
        self.steps = RowSteps()
        self.painter = Painter(models)
        self._facts = PictureFacts(models.clip)
        self._moved_faces: Cache[SourceFace] = Cache(MAX_MOVED)
        self._regions: Cache[Region] = Cache(MAX_REGIONS, MAX_REGION_BYTES)

    @torch.no_grad()
    def plan(self, state: State, session: Session, needs: Needs) -> Drawing | Job:
        """What is to be drawn, or the job that makes the face. Raises StudioError."""
        rows = self.rows.find_rows(state, session, needs)
        face = self.faces.find(state.face, session, needs)
        if isinstance(face, Job):
            return face
        notes = self._notes(state)
        if state.child is not None:
            face = self._drawn_by_child(face, state.child, rows, notes)
        drawn = self._moved(face, state.transform, notes)
        self.painter.draw_source(drawn)
        drawing = Drawing(drawn, rows, self.steps.edit(face, rows, needs), notes=notes)
        try:
            drawing.region = self._region(state.strokes)
        except UsageError as error:
            drawing.edited = face.in_s
            drawing.notes.append(str(error))
        return drawing

    @torch.no_grad()
    def draw(
        self, tab: Hashable, request: FrameRequest, session: Session, on_block: OnBlock = lambda resolution: None
    ) -> Drawn | Pending:
        """The picture of a state. Raises StudioError where there is none, and what `on_block` raises (`Painter`)."""
        started = time.perf_counter()
        with Needs(self.jobs, tab, are_all=not request.source) as needs:
            drawing = self.plan(request.state, session, needs)
        if isinstance(drawing, Job):
            return Pending(drawing.record)
        painting = self.painter.paint(tab, drawing.face, drawing.edited, request.rest, request.width, on_block)
        image = painting.image
        if not image.isfinite().all():
            blame(drawing)
            image = painting.before
        if drawing.region is not None and image is not painting.before:
            region = self._region(request.state.strokes, painting.factor)
            image = image if region is None else region.composite(painting.before, image)
        facts: dict[str, Any] = {"preview": painting.resolution, "identity": None}
        if request.rest:
            facts["identity"] = self._facts.identity(drawing.face, image)
            self._facts.add_probabilities(image, drawing.rows)
        picture, full_size = self._view(request, session, drawing, image)
        content = encode_picture(picture, request.width, request.rest)
        facts |= {
            "size": full_size or [painting.factor * side for side in picture.size],
            "notes": drawing.notes,
            "full_ms": _rounded(self.painter.ladder.full_ms),
            "rows": {each.row.id: each.facts for each in drawing.rows},
            "ms": _rounded(1000 * (time.perf_counter() - started)),
        }
        return Drawn(content, facts)

    def _view(
        self, request: FrameRequest, session: Session, drawing: Drawing, image: Tensor
    ) -> tuple[Image.Image, list[int] | None]:
        """The frame, or the photo with the face pasted back; of a photo also its full width and height."""
        face, inversion = request.state.face, drawing.face.inversion
        if request.rest and request.view == "photo" and inversion is not None and isinstance(face, PhotoFace):
            upload = session.uploads.get(face.sha256)
            if upload is not None and isinstance(upload.value, PhotoFaces):
                pasted = paste_preview(upload.value, inversion, image, drawing.region)
                if pasted is not None:
                    return pasted, list(upload.value.photo.image.size)
        return to_pil(image)[0], None

    def _region(self, strokes: Sequence[Stroke], factor: int = 1) -> Region | None:
        """Where a picture that is `factor` times smaller may change; raises UsageError where nothing may."""

        def make() -> Region:
            whole = self._region(strokes) if factor > 1 else region_of(strokes, self.models.generator.image_size)
            assert whole is not None  # as there are strokes
            return whole if factor == 1 else Region(F.avg_pool2d(whole.weights[None], factor)[0])

        return self._regions.get_or_make((strokes, factor), make) if strokes else None

    def _drawn_by_child(
        self, face: SourceFace, child: ChildChoice, rows: list[FoundRow], notes: list[str]
    ) -> SourceFace:
        """The face drawn by a child; as it is, with a note, where that cannot be had."""
        try:
            face = self.children.face(face, child)
        except StudioError as error:
            notes.append(str(error))
            return face
        for each in rows:
            each.fit(face.models)
        return face

    def _moved(self, face: SourceFace, transform: Transform | None, notes: list[str]) -> SourceFace:
        """The face where the state puts it, of the last few kept; as it is, with a note, for a StyleGAN2."""
        if transform is None:
            return face
        try:
            return self._moved_faces.get_or_make((face, transform), lambda: face.moved(transform))
        except UsageError as error:
            notes.append(str(error))
            return face

    def _notes(self, state: State) -> list[str]:
        notes = []
        if state.model is not None and not self.models.accepts_w(state.model):
            notes.append("this was made with another model, so the faces differ; start the studio with that one")
        return notes

    def forget(self, tab: Hashable) -> None:
        """Forget a tab that was closed."""
        self.painter.forget(tab)


def blame(drawing: Drawing) -> None:
    """Give the row with the largest strength the sentence that the picture is not finite."""
    moving = [each for each in drawing.rows if each.moves and each.strength]
    for each in sorted(moving, key=lambda each: -abs(each.strength))[:1]:
        each.facts["error"] = f"the picture is not finite at strength {each.strength:g}; lower it"


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
