"""Draws the state of a tab: the edited face as a picture, with the facts of every row."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.images import to_pil
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.preview import SkipImages, draw_skip_images, preview, preview_resolutions
from styleclip.regions import Region
from styleclip.studio.caches import Cache, bytes_of
from styleclip.studio.faces import PhotoFaces, paste_preview
from styleclip.studio.facts import PictureFacts
from styleclip.studio.jobs import Jobs
from styleclip.studio.ladder import Ladder
from styleclip.studio.needs import Needs
from styleclip.studio.pictures import encode_picture
from styleclip.studio.requests import Drawn, FrameRequest, Pending
from styleclip.studio.rows import FoundRow, RowFinder
from styleclip.studio.sessions import Session
from styleclip.studio.sources import SourceFace, SourceFaces
from styleclip.studio.state import PhotoFace, State, Stroke
from styleclip.studio.steps import RowSteps
from styleclip.studio.strokes import region_of
from styleclip.studio.tasks import Job

MAX_REGIONS = 64
MIN_PREVIEWED_PX = 256  # of a generator; smaller ones are quick, and their first blocks hardly quicker
MAX_NEAR, MAX_NEAR_BYTES = 64, 2**28  # drawings that previews start from, one for a tab


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
    """

    def __init__(self, models: Models, jobs: Jobs) -> None:
        self.models, self.jobs = models, jobs
        self.faces = SourceFaces(models)
        self.rows = RowFinder(models, self.faces.find)
        self.steps = RowSteps()
        is_large = models.generator.resolution >= MIN_PREVIEWED_PX
        self.ladder = Ladder(preview_resolutions(models.generator) if is_large else [])
        self._facts = PictureFacts(models.clip)
        self._regions: Cache[Region] = Cache(MAX_REGIONS)
        self._near: Cache[tuple[SourceFace, SkipImages]] = Cache(MAX_NEAR, MAX_NEAR_BYTES)

    @torch.no_grad()
    def plan(self, state: State, session: Session, needs: Needs) -> Drawing | Job:
        """What is to be drawn, or the job that makes the face. Raises StudioError."""
        rows = self.rows.find_rows(state, session, needs)
        face = self.faces.find(state.face, session, needs)
        if isinstance(face, Job):
            return face
        drawing = Drawing(face, rows, self.steps.edit(face, rows, needs), notes=self._notes(state, face))
        try:
            drawing.region = self._region(state.strokes)
        except UsageError as error:
            drawing.edited = face.in_s
            drawing.notes.append(str(error))
        return drawing

    @torch.no_grad()
    def draw(self, tab: Hashable, request: FrameRequest, session: Session) -> Drawn | Pending:
        """The picture of a state. Raises StudioError where there is none."""
        started = time.perf_counter()
        with Needs(self.jobs, tab) as needs:
            drawing = self.plan(request.state, session, needs)
        if isinstance(drawing, Job):
            return Pending(drawing.record)
        resolution = None if request.rest or not drawing.moves else self.ladder.preview()
        image = self._draw_image(tab, drawing, resolution, request.rest)
        if not image.isfinite().all():
            blame(drawing)
            image = drawing.face.image
        if drawing.region is not None:
            image = drawing.region.composite(drawing.face.image, image)
        facts: dict[str, Any] = {"preview": resolution, "identity": None}
        if request.rest:
            facts["identity"] = self._facts.identity(drawing.face, image)
            self._facts.add_probabilities(image, drawing.rows)
        picture = self._view(request, session, drawing, image)
        content = encode_picture(picture, request.width, request.rest)
        facts |= {"size": list(picture.size), "notes": drawing.notes, "full_ms": _rounded(self.ladder.full_ms)}
        facts["rows"] = {each.row.id: each.facts for each in drawing.rows}
        facts["ms"] = _rounded(1000 * (time.perf_counter() - started))
        return Drawn(content, facts)

    def _draw_image(self, tab: Hashable, drawing: Drawing, resolution: int | None, rest: bool) -> Tensor:
        """The picture [1, img_channels, H, W] of the edited face, about where `resolution` is a block's."""
        face = drawing.face
        if not drawing.moves and face.is_drawn:
            return face.image
        started = time.perf_counter()
        if not drawing.moves:
            image = face.image
        elif resolution is not None:
            image = preview(face.models, drawing.edited, resolution, self._near_drawing(tab, face))
        elif rest and self.ladder.preview() is not None:
            drawn = draw_skip_images(face.models, drawing.edited)
            self._near.put(tab, (face, drawn), bytes_of(list(drawn.images.values())))
            image = drawn.picture
        else:
            image = face.models.render(drawing.edited)
        image = image.cpu() if image.is_cuda else image
        self.ladder.note(resolution, 1000 * (time.perf_counter() - started))
        return image

    def _near_drawing(self, tab: Hashable, face: SourceFace) -> SkipImages:
        """What a preview starts from: the picture of this tab that rested last, of this face, else the face itself."""
        near = self._near.get(tab)
        return near[1] if near is not None and near[0] is face else face.drawing

    def _view(self, request: FrameRequest, session: Session, drawing: Drawing, image: Tensor) -> Image.Image:
        """The picture as the page shows it: the frame, or the photo with the face pasted back."""
        face, inversion = request.state.face, drawing.face.inversion
        if request.rest and request.view == "photo" and inversion is not None and isinstance(face, PhotoFace):
            upload = session.uploads.get(face.sha256)
            if upload is not None and isinstance(upload.value, PhotoFaces):
                pasted = paste_preview(upload.value, inversion, image, drawing.region)
                if pasted is not None:
                    return pasted
        return to_pil(image)[0]

    def _region(self, strokes: Sequence[Stroke]) -> Region | None:
        """Where the picture may change; raises UsageError where nothing may."""
        if not strokes:
            return None
        found = self._regions.get(strokes)
        if found is None:
            found = region_of(strokes, self.models.generator.image_size)
            assert found is not None
            self._regions.put(strokes, found)
        return found

    def _notes(self, state: State, face: SourceFace) -> list[str]:
        notes = []
        if state.model not in (None, self.models.generator_fingerprint):
            notes.append("this was made with another model, so the faces differ; start the studio with that one")
        if face.inversion is not None and face.inversion.aligned.note:
            notes.append(face.inversion.aligned.note)
        return notes

    def forget(self, tab: Hashable) -> None:
        """Forget a tab that was closed."""
        self._near.drop(tab)


def blame(drawing: Drawing) -> None:
    """Give the row with the largest strength the sentence that the picture is not finite."""
    moving = [each for each in drawing.rows if each.moves and each.strength]
    for each in sorted(moving, key=lambda each: -abs(each.strength))[:1]:
        each.facts["error"] = f"the picture is not finite at strength {each.strength:g}; lower it"


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
