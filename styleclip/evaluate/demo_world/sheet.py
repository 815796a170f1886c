"""The sheet of the worst edits: before, edited and ideal, and why each is not clean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from styleclip.evaluate.demo_world.limits import LIMITED, Limits
from styleclip.evaluate.demo_world.measures import Measures
from styleclip.evaluate.demo_world.task import Task
from styleclip.images import to_pil
from styleclip.sheets import join_sheets, labelled_sheet

WORST, WORST_PER_PROMPT = 12, 2
BLOCKS = 2  # of rows, side by side
CELL = 128  # px
COLUMN_LABELS = ("before", "edited", "ideal")


@dataclass(frozen=True)
class WorstEdit:
    """An edit that is not clean."""

    prompt: str
    seed: int
    reasons: tuple[str, ...]
    to_ideal: float  # 1/255
    pictures: Sequence[Image.Image]  # before, edited, ideal

    @property
    def label(self) -> str:
        return "\n".join([f'"{self.prompt}"', *self.reasons])


def worst_edits(prompt: str, task: Task, edited: Tensor, measures: Measures, limits: Limits) -> list[WorstEdit]:
    """The WORST_PER_PROMPT edits of a task that are farthest from the ideal among those that are not clean."""
    distance = measures.columns["to_ideal"].masked_fill(measures.columns["clean"] > 0, -1.0)
    rows = [row for row in distance.argsort(descending=True)[:WORST_PER_PROMPT].tolist() if distance[row] >= 0]
    return [
        WorstEdit(
            prompt,
            int(task.source.seeds[row]),
            reasons(measures, row, limits),
            distance[row].item(),
            to_pil(torch.stack([task.source.images[row], edited[row].float().cpu(), task.ideal[row]])),
        )
        for row in rows
    ]


def choose_worst(edits: Sequence[WorstEdit]) -> list[WorstEdit]:
    """The WORST edits farthest from the ideal, at most WORST_PER_PROMPT of one prompt."""
    chosen: list[WorstEdit] = []
    for edit in sorted(edits, key=lambda edit: -edit.to_ideal):
        if sum(other.prompt == edit.prompt for other in chosen) < WORST_PER_PROMPT:
            chosen.append(edit)
    return chosen[:WORST]


def reasons(measures: Measures, row: int, limits: Limits) -> tuple[str, ...]:
    """Why an edit is not clean: "missed: hair color", "flips: hat, beard", "bg 12, halo 5"."""
    values = {name: measures.columns[name][row] for name in LIMITED}
    beyond = [f"{name} {value:.0f}" for name, value in values.items() if not limits.within(name, value)]
    names = [*_names("missed", measures.missed, row), *_names("flips", measures.flipped, row)]
    return (*names, *([", ".join(beyond)] if beyond else []))


def worst_sheet(edits: Sequence[WorstEdit]) -> Image.Image:
    """Blocks of rows side by side; each row has a label and the three pictures of an edit."""
    height = -(-len(edits) // BLOCKS)
    blocks = [edits[start : start + height] for start in range(0, len(edits), height)]
    return join_sheets(
        [
            labelled_sheet([edit.pictures for edit in block], COLUMN_LABELS, [edit.label for edit in block], CELL)
            for block in blocks
        ]
    )


def _names(word: str, marks: Mapping[str, Tensor], row: int) -> list[str]:
    """["flips: hat, beard"], or [] where nothing is marked."""
    names = [name.replace("_", " ") for name, marked in marks.items() if marked[row]]
    return [f"{word}: {', '.join(names)}"] if names else []
