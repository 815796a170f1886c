"""A row of a state at several strengths, while the others stay: a labelled strip, and a video there and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image

from styleclip.errors import UsageError
from styleclip.images import to_pil, write_video
from styleclip.methods.sliders import add_steps
from styleclip.progress import OnStep, Step, ignore
from styleclip.settings import format_number
from styleclip.sheets import labelled_sheet
from styleclip.studio.drawing.rows import FoundRow
from styleclip.studio.drawing.steps import step_on_face
from styleclip.studio.engine import StateEdit
from styleclip.sweep_sheets import FRAMES

STRIP_FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)  # of the strength of the row
VIDEOS = ("mp4", "gif")


def strip_picture(edit: StateEdit, row: str | None, on_step: OnStep = ignore) -> Image.Image:
    """The face at rising strengths of a row, from left to right; without a row before and after all of them."""
    if row is None:
        sweep = Sweep(edit)
        return labelled_sheet([[sweep.draw(dict.fromkeys(sweep.strengths)), sweep.draw({})]], ["before", "after"])
    strength = known_row(edit, row).strength or 1.0
    strengths = sorted(factor * strength for factor in STRIP_FACTORS)
    labels = [f"strength {format_number(round(each, 6))}" for each in strengths]
    return labelled_sheet([[*Sweep(edit).draw_row(row, strengths, on_step)]], labels)


def video_content(edit: StateEdit, row: str, suffix: str = "mp4", on_step: OnStep = ignore) -> bytes:
    """A video, mp4 or gif, of a row from the lowest strength of its slider to the highest and back."""
    if suffix not in VIDEOS:
        raise UsageError(f"{suffix[:40]!r} is no format of a video; choose {' or '.join(VIDEOS)}")
    found = known_row(edit, row)
    low, high = found.facts.get("range") or sorted((0.0, found.strength or 1.0))
    there = [low + (high - low) * frame / (FRAMES - 1) for frame in range(FRAMES)]
    pictures = [*Sweep(edit).draw_row(row, there, on_step)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_video([*pictures, *pictures[-2:0:-1]], Path(folder) / f"sweep.{suffix}")
        return path.read_bytes()


def known_row(edit: StateEdit, row: str) -> FoundRow:
    """What was found of a row. Raises UsageError for a row that has not been on yet, or has a fault."""
    for each in edit.rows:
        if each.row.id == row and each.found is not None:
            return each
    raise UsageError("the row is not known yet; switch it on and wait until its slider moves the face")


class Sweep:
    """The face of an edit at any strengths of its rows, whose steps are found once. A strength of None is off."""

    @torch.no_grad()
    def __init__(self, edit: StateEdit) -> None:
        self.edit = edit
        known = [each for each in edit.rows if each.found is not None]
        self.strengths = {each.row.id: each.strength if each.moves else None for each in known}
        self._steps = {each.row.id: step_on_face(each.found, edit.face) for each in known if each.found is not None}

    def draw_row(self, row: str, strengths: Sequence[float], on_step: OnStep = ignore) -> Iterator[Image.Image]:
        """The face at every strength of a row, in RGB."""
        for number, strength in enumerate(strengths, start=1):
            yield self.draw({row: strength})
            on_step(Step(number, len(strengths), stage="frames"))

    @torch.no_grad()
    def draw(self, strengths: Mapping[str, float | None]) -> Image.Image:
        """The face, in RGB, with these strengths of rows, by their ids, in place of their own."""
        face, region = self.edit.face, self.edit.region
        wanted = {**self.strengths, **strengths}.items()
        terms = [term for row, strength in wanted if strength is not None for term in self._steps[row].at(strength)]
        image = face.models.render(add_steps(face.in_s, terms))
        return to_pil(image if region is None else region.composite(face.image, image))[0]
