"""The report of an evaluation: table, JSON, plot and the sheet of the worst edits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from styleclip.errors import UsageError
from styleclip.evaluate.demo_world.plot import plot_rows
from styleclip.evaluate.demo_world.scores import TABLE_FORMATS, PromptScore, Row, mean_row
from styleclip.evaluate.demo_world.sheet import WorstEdit, worst_sheet
from styleclip.evaluate.json_lists import lists_on_one_line
from styleclip.evaluate.left_out import LeftOut
from styleclip.storage.files import atomic_path, atomic_write, to_json
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path
from styleclip.text.text_files import read_text
from styleclip.text.units import number_of

MAX_REPORT_BYTES = 2**26
MEAN, ORACLE = "all edits", "oracle"
REPORT_FILES = ("report.json", "report.png", "worst.png")


@dataclass(frozen=True)
class Report:
    """A method on many prompts and faces.

    Args:
        method: its name; `settings` are its own.
        wordings: the set of the prompts: tuning, reporting, or given.
        seeds: of all faces, also of those that lack nothing.
        limits: of a clean edit, by column.
        prompts: the edits of each prompt.
        provenance: of the models.
        worst: the edits of the sheet; not part of the JSON.
        left_out: the prompts that the method refused.

    Example:
        report = evaluate.run(styleclip.load("demo"), "optimize", seeds=range(2000, 2010))
        print(report.table())
        report.mean("clean")
    """

    method: str
    settings: Mapping[str, Any]
    wordings: str
    seeds: Sequence[int]
    limits: Mapping[str, float]
    prompts: Sequence[PromptScore]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    worst: Sequence[WorstEdit] = field(default=(), compare=False, repr=False)
    left_out: Sequence[LeftOut] = ()

    def mean(self, name: str) -> float:
        """The mean of a column over all edits."""
        return mean_row(MEAN, self.prompts).means[name]

    def prompt_rows(self) -> list[Row]:
        return [mean_row(score.prompt, [score]) for score in self.prompts]

    def claims_rows(self) -> list[Row]:
        """Means by the number of claims of a prompt; none where all have the same number."""
        counts = sorted({len(score.claims) for score in self.prompts})
        if len(counts) < 2:
            return []
        groups = {count: [score for score in self.prompts if len(score.claims) == count] for count in counts}
        return [mean_row(number_of(count, "claim"), group) for count, group in groups.items()]

    def mean_rows(self) -> list[Row]:
        """The mean over all edits, and that of the oracle on the same faces."""
        mean = mean_row(MEAN, self.prompts)
        return [mean, Row(ORACLE, mean.faces, mean.oracle, mean.oracle)]

    def table(self) -> str:
        """Markdown: a row for each prompt, means by the number of claims, over all edits, and of the oracle.

        Then a line for each prompt that was left out.
        """
        means = [[f"**{cells[0]}**", *cells[1:]] for cells in map(Row.cells, [*self.claims_rows(), *self.mean_rows()])]
        head = ["prompt", "faces", *TABLE_FORMATS]
        rows = [head, ["---"] * len(head), *map(Row.cells, self.prompt_rows()), *means]
        table = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([*table, *(each.sentence for each in self.left_out)])

    def to_json(self) -> dict[str, Any]:
        """The content of report.json; `load_report` reads it."""
        prompts = [
            {**asdict(score), "faces": row.faces, "mean": row.means}
            for score, row in zip(self.prompts, self.prompt_rows(), strict=True)
        ]
        mean, oracle = self.mean_rows()
        return {
            "method": self.method,
            "settings": self.settings,
            "wordings": self.wordings,
            "seeds": list(self.seeds),
            "limits": self.limits,
            "provenance": self.provenance,
            "prompts": prompts,
            "left_out": [asdict(each) for each in self.left_out],
            "claims": {row.label: {"faces": row.faces, **row.means} for row in self.claims_rows()},
            "mean": {"faces": mean.faces, **mean.means},
            "oracle": {"faces": oracle.faces, **oracle.means},
        }

    def save(self, folder: Path, overwrite: bool = False) -> list[Path]:
        """Write report.png, worst.png where an edit is not clean, and report.json.

        Raises OutputError where a file cannot be written, and for a folder with an earlier report unless `overwrite`,
        which replaces it as a whole.
        """
        with ResultFolder(folder, REPORT_FILES, overwrite) as output:
            paths = self._write(output.place)
        return [final_path(path) for path in paths]

    def _write(self, folder: Path) -> list[Path]:
        plot, worst = folder / "report.png", folder / "worst.png"
        with atomic_path(plot) as temporary:
            plot_rows(self.prompt_rows(), [*self.claims_rows(), *self.mean_rows()], temporary)
        if self.worst:
            with atomic_path(worst) as temporary:
                worst_sheet(self.worst).save(temporary, "PNG")
        record = atomic_write(folder / "report.json", lists_on_one_line(to_json(self.to_json())).encode())
        return [plot, *([worst] if self.worst else []), record]


def load_report(path: Path) -> Report:
    """The report in a report.json, without its worst edits. Raises UsageError for another file."""
    try:
        record = json.loads(read_text(path, MAX_REPORT_BYTES))
        fields = ("prompt", "claims", "seeds", "edits", "oracle", "flipped")
        prompts = [PromptScore(**{name: score[name] for name in fields}) for score in record["prompts"]]
        names = ("method", "settings", "wordings", "seeds", "limits", "provenance")
        left_out = [LeftOut(**each) for each in record.get("left_out", [])]
        return Report(**{name: record[name] for name in names}, prompts=prompts, left_out=left_out)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not a report of `styleclip evaluate`; pass a report.json") from error
