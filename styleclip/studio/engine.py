"""The engine of the studio: draws the states of many tabs with one set of models."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from styleclip.editor import Editor
from styleclip.images import to_pil
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.preview import preview
from styleclip.regions import Region
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.children import Children
from styleclip.studio.drawing.faces import FaceFinder
from styleclip.studio.drawing.frames import Drawer
from styleclip.studio.drawing.needs import Needs
from styleclip.studio.drawing.painting import MIN_PREVIEWED_PX
from styleclip.studio.drawing.pictures import FINE, jpeg_bytes, reduce_to
from styleclip.studio.drawing.rows import FoundRow
from styleclip.studio.drawing.sources import SourceFace
from styleclip.studio.requests import Drawn, FrameRequest, Pending, StudioError, Superseded
from styleclip.studio.sessions import Session, Sessions
from styleclip.studio.states.state import ChildChoice, Sample, State
from styleclip.studio.threads.device_lock import DeviceLock
from styleclip.studio.threads.jobs import Jobs
from styleclip.studio.threads.scheduler import Scheduler
from styleclip.studio.threads.tasks import Job
from styleclip.weights.lineage import PARENT, model_names
from styleclip.weights.locate import generator_file

MAX_THUMBNAILS, MAX_THUMBNAIL_BYTES = 2000, 2**25


@dataclass(frozen=True, eq=False)
class StateEdit:
    """A state as the arguments of `Editor(face.models).edit_together(face.latent, sliders, region=region)`.

    Args:
        face: before the edit.
        sliders: of the rows that are on, with their strengths.
        region: where the picture may change; None for everywhere.
        rows: all rows, also those that are off.
    """

    face: SourceFace
    sliders: list[Slider]
    region: Region | None
    rows: list[FoundRow]


class Engine:
    """Draws states, in one thread for frames and others for jobs.

    Args:
        models: what `styleclip.load` returns.
        name: of the models, as `--model` takes it.
        choices: the other options that they were loaded with, such as {"clip": ..}, for lines that load them again.
        children: files of children of the generator, and folders of such files, which may draw in its place.

    Models of a child are those of its parent here, and pages begin with the child (`first_child`); models that move
    their pictures do not here, and pages begin with the transform (`first_transform`).

    Example:
        engine = Engine(styleclip.load("demo"), "demo")
        state = read_state({"version": 1, "face": {"seed": 3}})
        drawn = engine.frame("tab 1", FrameRequest(state), engine.sessions.get("browser 1")).result()
        Path("face.jpg").write_bytes(drawn.picture)
        engine.close()
    """

    def __init__(
        self,
        models: Models,
        name: str = "demo",
        choices: Mapping[str, Any] | None = None,
        children: Sequence[Path] = (),
    ) -> None:
        self.first_transform, models = models.transform, models.with_transform(None)
        self.models, self.name, self.choices = models.parent() or models, name, dict(choices or {})
        self.first_child = _child_of(models)
        if self.first_child is not None:
            self.choices, children = {**self.choices, "amount": 0.0}, [*children, generator_file(name)]
        models = self.models
        self.lock = DeviceLock(shared=models.device.type == "cpu")
        cores = 1 if models.generator.resolution < MIN_PREVIEWED_PX else None  # more would make small pictures slower
        self.scheduler, self.jobs = Scheduler(self.lock, cores=cores), Jobs(self.lock, cores)
        self.finder = FaceFinder(models, self.lock)
        self.sessions = Sessions(on_free=self._free)
        self.children = Children(models, children)
        self.drawer = Drawer(models, self.jobs, self.children)
        self._thumbnails: Cache[bytes] = Cache(MAX_THUMBNAILS, MAX_THUMBNAIL_BYTES)

    @property
    def title(self) -> str:
        """The name of the generator for the page: of a file without its folder, of a parent that of the catalog."""
        record = self.models.provenance.get("generator") or {}
        if self.first_child is None:
            return Path(self.name).name
        return model_names().get(str(record["network"])) or str(record[PARENT].get("name"))

    def frame(self, tab: Hashable, request: FrameRequest, session: Session) -> Future[Drawn | Pending]:
        """The picture of a state, later; the newest request of a tab takes the place of one that waits."""
        return self.scheduler.frame(tab, lambda: self.draw(tab, request, session))

    def draw(self, tab: Hashable, request: FrameRequest, session: Session) -> Drawn | Pending:
        """The picture of a state, now: for the thread of the frames. Raises StudioError.

        It is given up with Superseded where a newer request of the tab waits and this one takes long.
        """
        return self.drawer.draw(tab, request, session, self._give_up_for_newer(tab))

    def edit_of(self, state: State, session: Session) -> StateEdit:
        """The edit of a state, for exports; for the thread of the frames.

        Raises StudioError where a part is not there yet, or a row that is on has an error.
        """
        with Needs(self.jobs, None) as needs:
            drawing = self.drawer.plan(state, session, needs)
        if isinstance(drawing, Job):
            raise _unfinished(drawing.task.what)
        sliders: list[Slider] = []
        for number, each in enumerate(drawing.rows, start=1):
            if each.row.on and (error := each.facts.get("error")):
                raise StudioError(f"{each.facts.get('name', f'row {number}')}: {error}")
            if each.row.on and (job := each.facts.get("job")):
                raise _unfinished(job["what"])
            if each.moves and each.found is not None:
                sliders.append(Slider(each.found, each.strength))
        return StateEdit(drawing.face, sliders, drawing.region, drawing.rows)

    @torch.no_grad()
    def thumbnail(self, sample: Sample, side: int = 64, child: ChildChoice | None = None) -> bytes:
        """A JPEG of a seed, `side` px wide, also drawn by a child; for the thread of the frames.

        Of a generator that is slow it is a preview, with the finest details of the face of seed 0.
        """
        key = (sample, side, child)
        found = self._thumbnails.get(key)
        if found is None:
            found = self._draw_thumbnail(sample, side, self.models if child is None else self.children.models_of(child))
            self._thumbnails.put(key, found, len(found))
        return found

    def forget(self, tab: Hashable) -> None:
        """Forget a tab that was closed."""
        self.scheduler.forget(tab)
        self.jobs.unsubscribe(tab)
        self.drawer.forget(tab)

    def close(self) -> None:
        """End the threads."""
        self.scheduler.close()
        self.jobs.close()
        self.finder.close()

    def _free(self, inversions: set[str]) -> None:
        """Forget inverted photos."""
        for key in inversions:
            self.jobs.results.drop(key)
            self.drawer.faces.drop(key)
        if inversions:
            self.children.forget_faces()

    def _give_up_for_newer(self, tab: Hashable) -> Callable[[int], None]:
        def give_up(resolution: int) -> None:
            if self.scheduler.has_newer(tab):
                raise Superseded("a newer request of this tab waits")

        return give_up

    def _draw_thumbnail(self, sample: Sample, side: int, models: Models) -> bytes:
        latent = Editor(models).sample(sample.seed, psi=sample.psi)
        resolutions = [each for each in self.drawer.painter.ladder.resolutions if each >= side]
        if not resolutions or self.drawer.painter.ladder.preview() is None:
            image = models.render(latent)
        else:
            near = self.drawer.faces.sample(Sample())
            self.drawer.painter.draw_source(near)
            image = preview(models, latent, resolutions[0], near.drawing)
        picture = reduce_to(to_pil(image)[0], side, Image.Resampling.LANCZOS)
        return jpeg_bytes(picture, **FINE)


def _child_of(models: Models) -> ChildChoice | None:
    """The child that these models draw with, at its amount; None for a generator that was not adapted."""
    record = models.provenance.get("generator") or {}
    if PARENT not in record:
        return None
    return ChildChoice(Path(record["name"]).stem, record["sha256"], record["amount"], record["parent_layers"])


def _unfinished(what: str) -> StudioError:
    return StudioError(f"the studio is still {what}; try again when that has ended")
