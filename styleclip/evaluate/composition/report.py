"""The report of a measurement of composition: table, JSON, and a sheet of questions that were answered wrongly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from styleclip.demo.render import render
from styleclip.demo.world import faces
from styleclip.evaluate.composition.answers import Answer, Share, share
from styleclip.evaluate.composition.questions import TASKS
from styleclip.evaluate.composition.renders import latents
from styleclip.evaluate.demo_world.scores import format_mean
from styleclip.evaluate.json_lists import lists_on_one_line
from styleclip.images import png_bytes, to_pil
from styleclip.sheets import join_sheets, labelled_sheet
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

COMPOSITION_FILES = ("report.json", "misread.png")
MISREAD, MISREAD_PER_FORM = 12, 2  # questions of the sheet
DECIMALS = 4
CELL = 128  # px


@dataclass(frozen=True)
class CompositionReport:
    """The answers of a CLIP.

    Args:
        clip: its name.
        seeds: of the faces.
        answers: one for each question.
        unknown: words of the captions that the CLIP does not know.
    """

    clip: str
    seeds: tuple[int, ...]
    answers: tuple[Answer, ...]
    unknown: tuple[str, ...] = ()

    def tasks(self) -> list[Share]:
        """The shares of every task."""
        return [share(task, self._of(task)) for task in TASKS if self._of(task)]

    def forms(self) -> dict[str, list[Share]]:
        """The shares of the parts of every task: forms of negation, attributes."""
        return {task: self._parts(task) for task in TASKS if self._of(task)}

    def negations(self) -> list[Share]:
        """The shares of the forms of negation, over all attributes."""
        groups: dict[str, list[Answer]] = {}
        for each in self._of("negation"):
            groups.setdefault(each.question.form.partition(",")[0], []).append(each)
        return [share(form, answers) for form, answers in groups.items()]

    def table(self) -> str:
        """Markdown: tasks, and the forms of negation below that."""
        head = ["task", "questions", "caption", "picture", "both"]
        rows = [head, ["---"] * len(head)]
        for each in self.tasks():
            rows.append(_cells(each, each.name))
            if each.name == "negation":
                rows += [_cells(form, f"- {form.name}") for form in self.negations()]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        return {
            "measure": "composition",
            "clip": self.clip,
            "seeds": list(self.seeds),
            "tasks": {each.name: _record(each) for each in self.tasks()},
            "negations": {each.name: _record(each) for each in self.negations()},
            "forms": {task: {each.name: _record(each) for each in parts} for task, parts in self.forms().items()},
            "unknown_words": list(self.unknown),
            "versions": versions(),
        }

    def save(self, folder: Path, overwrite: bool = False) -> list[Path]:
        """Write misread.png, where a question was answered wrongly, and report.json. Raises OutputError."""
        with ResultFolder(folder, COMPOSITION_FILES, overwrite) as output:
            paths = []
            if misread := self.misread():
                sheet = png_bytes(misread_sheet(misread))
                paths.append(atomic_write(output.place / "misread.png", sheet))
            text = lists_on_one_line(to_json(self.to_json()))
            paths.append(atomic_write(output.place / "report.json", text.encode()))
        return [final_path(path) for path in paths]

    def misread(self) -> list[Answer]:
        """Wrong answers to questions with two pictures, of as many forms as possible."""
        chosen: list[Answer] = []
        for each in self.answers:
            alike = sum(other.question.form == each.question.form for other in chosen)
            if each.pictures and not (all(each.captions) and all(each.pictures)) and alike < MISREAD_PER_FORM:
                chosen.append(each)
        return chosen[:MISREAD]

    def _of(self, task: str) -> list[Answer]:
        return [each for each in self.answers if each.question.task == task]

    def _parts(self, task: str) -> list[Share]:
        groups: dict[str, list[Answer]] = {}
        for each in self._of(task):
            groups.setdefault(each.question.form, []).append(each)
        return [share(form, groups[form]) for form in sorted(groups)]


def misread_sheet(answers: Sequence[Answer]) -> Image.Image:
    """Two blocks of rows side by side; each row has the captions of a question and its two pictures."""
    height = -(-len(answers) // 2)
    return join_sheets([_block(answers[start : start + height]) for start in range(0, len(answers), height)])


def _block(answers: Sequence[Answer]) -> Image.Image:
    rows = [to_pil(render(faces(latents(each.question.pictures)))) for each in answers]
    labels = []
    for each in answers:
        wrong = ["caption"] * (not all(each.captions)) + ["picture"] * (not all(each.pictures))
        labels.append("\n".join([*each.question.captions, f"wrong: {', '.join(wrong)}"]))
    return labelled_sheet(rows, ("first caption", "second caption"), labels, CELL)


def _record(each: Share) -> Mapping[str, Any]:
    values = {key: value for key, value in asdict(each).items() if key != "name"}
    return {key: round(v, DECIMALS) if isinstance(v, float) and not math.isnan(v) else v for key, v in values.items()}


def _cells(each: Share, label: str) -> list[str]:
    """The cells of a table: shares with their standard errors."""
    captions, pictures = (
        f"{format_mean(value, '.3f')}{'' if math.isnan(value) else f' ± {error:.3f}'}"
        for value, error in ((each.captions, each.captions_error), (each.pictures, each.pictures_error))
    )
    return [label, str(each.questions), captions, pictures, format_mean(each.both, ".3f")]
