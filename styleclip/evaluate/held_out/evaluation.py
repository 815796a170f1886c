"""Edit the pictures that lack what a prompt claims, batch by batch, and measure every edit at every strength."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from styleclip.edit_source import EditSource
from styleclip.errors import NumericError
from styleclip.evaluate.held_out.bank_reader import BankReader
from styleclip.evaluate.held_out.editors import MeasuredEditor, at_strength, prompt_for
from styleclip.evaluate.held_out.judges import Judges
from styleclip.evaluate.held_out.measure import Seen, measure, see
from styleclip.evaluate.held_out.measurements import NOTHING, EditMeasurement, EditPictures
from styleclip.evaluate.held_out.sets import EditSets, Features
from styleclip.evaluate.held_out.task import Task
from styleclip.evaluate.held_out.unedited import Unedited
from styleclip.evaluate.left_out import REFUSALS, LeftOut
from styleclip.evaluate.pixels import difference
from styleclip.latents import Latent
from styleclip.methods.base import Method
from styleclip.models import Models
from styleclip.prompt_words import PromptWarning
from styleclip.prompts import Prompt
from styleclip.runtime.gradients import with_gradients
from styleclip.runtime.peak_memory import PeakMemory
from styleclip.sheets import thumbnails

BATCH_PIXELS = 50 * 64**2  # of the pictures that are edited together
SHEET_IMAGES = 2  # of each prompt, whose pictures are kept
DECIMALS = 5


@dataclass(frozen=True, eq=False)
class Measured:
    """The edits of one editor on one prompt.

    Args:
        edits: one for each strength and picture.
        pictures: of the first SHEET_IMAGES pictures.
        features: for `EditSets`, by strength.
        left_out: the prompt, where the editor refused it; then there are no edits.
    """

    edits: list[EditMeasurement] = field(default_factory=list)
    pictures: list[EditPictures] = field(default_factory=list)
    features: list[tuple[float, Features]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


class Evaluation:
    """The pictures before any edit, as the judges see them, which all prompts share.

    Args:
        judges: what measures.
        unedited: samples of the generator.
        sources: the pictures.
        strengths: multiples of every editor's own step, in rising order.
        sets: take all edited pictures.
    """

    def __init__(
        self,
        judges: Judges,
        unedited: Unedited,
        sources: Sequence[EditSource],
        strengths: Sequence[float],
        sets: EditSets,
    ) -> None:
        self.judges, self.sources, self.strengths, self.sets = judges, sources, strengths, sets
        self.reader = BankReader(judges.clip, judges.bank, unedited.features)
        self.before = [see(judges, self.reader, source.models.render(source.latent)) for source in sources]

    def lacking(self, task: Task) -> list[str]:
        """The names of the pictures that lack a claim."""
        return [
            source.names[row]
            for source, before in zip(self.sources, self.before, strict=True)
            for row in _rows(task, before).tolist()
        ]

    def measure(self, task: Task, editor: MeasuredEditor) -> Measured:
        """Edit the pictures that lack a claim; nothing for a prompt that the editor does not know or refuses."""
        try:
            measured = self._measure(task, editor)
        except REFUSALS as error:
            return Measured(left_out=[LeftOut(str(error), prompt=task.prompt.target, editor=editor.label)])
        for strength, features in measured.features:
            self.sets.add(editor.label, strength, features)
        return measured

    def _measure(self, task: Task, editor: MeasuredEditor) -> Measured:
        """The edits of all pictures that lack a claim. Raises as the editor does."""
        measured = Measured()
        method = editor.of(task.prompt)
        for source, before in zip(self.sources, self.before, strict=True):
            for rows in _rows(task, before).split(_batch_size(source.models)):
                if method is not None and len(rows):
                    self._measure_rows(task, editor.label, method, source, before, rows, measured)
        return measured

    def _measure_rows(
        self,
        task: Task,
        label: str,
        method: Method,
        source: EditSource,
        before: Seen,
        rows: Tensor,
        measured: Measured,
    ) -> None:
        """Add the edits of some rows of a source."""
        latent, start = source.latent[rows], before[rows]
        peak, edited, seconds = _edit(source.models, method, latent, task.prompt)
        after, previous = [], None
        for strength in (1.0,) if label == NOTHING else self.strengths:
            images = source.models.render(at_strength(source.models, latent, edited, strength))
            if not images.isfinite().all():
                raise NumericError(f"a picture edited by {label!r} is not finite; lower its strength")
            seen = see(self.judges, self.reader, images)
            columns, flips = measure(task, self.judges, self.reader, start, seen)
            if previous is not None:
                columns["l1_step"] = difference(seen.images, previous).flatten(1).mean(dim=1)
            previous = seen.images
            columns["seconds"] = torch.full((len(rows),), seconds / len(rows))
            if peak is not None:
                columns["peak_mib"] = torch.full((len(rows),), peak)
            values = {name: each.tolist() for name, each in columns.items()}
            for place, row in enumerate(rows.tolist()):
                measures = {name: round(each[place], DECIMALS) for name, each in values.items()}
                named = self.reader.names(flips, place) if flips else ()
                edit = EditMeasurement(label, task.prompt.target, strength, source.names[row], measures, named)
                measured.edits.append(edit)
            measured.features.append((strength, self.sets.features(seen.features, seen.images)))
            after.append(images[:SHEET_IMAGES])
        for place in range(min(len(rows), SHEET_IMAGES - len(measured.pictures))):
            [picture] = thumbnails(start.images[place : place + 1].cpu())
            edits = [thumbnails(images[place : place + 1].float().cpu())[0] for images in after]
            name = source.names[int(rows[place])]
            measured.pictures.append(EditPictures(label, task.prompt.target, name, picture, edits))


def _rows(task: Task, before: Seen) -> Tensor:
    """The pictures that lack a claim."""
    return (~task.is_shown(before.features)).nonzero()[:, 0]


def _batch_size(models: Models) -> int:
    return max(1, BATCH_PIXELS // math.prod(models.generator.image_size))


def _edit(models: Models, method: Method, latent: Latent, prompt: Prompt) -> tuple[float | None, Latent, float]:
    """The peak of memory in MiB, the edited latent, and seconds; without the warning about unknown words."""
    with warnings.catch_warnings(), PeakMemory(models.device) as peak:
        warnings.simplefilter("ignore", PromptWarning)
        started = time.perf_counter()
        edited = _call(models, method, latent, prompt)
        seconds = time.perf_counter() - started
    return peak.mib, edited, seconds


@with_gradients
def _call(models: Models, method: Method, latent: Latent, prompt: Prompt) -> Latent:
    return method(models, latent, prompt_for(method, models, prompt))
