"""The report of published benchmarks: table and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.evaluate.benchmarks.cases import Score
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

BENCHMARK_FILES = ("report.json",)


@dataclass(frozen=True)
class BenchmarkReport:
    """The scores of a CLIP."""

    clip: str
    scores: Sequence[Score]

    def table(self) -> str:
        """Markdown, with notes below."""
        rows = [["benchmark", "cases", "right"], ["---"] * 3]
        rows += [[score.name, str(score.cases), f"{score.share:.3f}"] for score in self.scores]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([*lines, *(f"{score.name}: {score.note}." for score in self.scores if score.note)])

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        benchmarks = {
            score.name: {
                "right": score.share,
                "cases": score.cases,
                **({"note": score.note} if score.note else {}),
                **({"groups": {name: {"right": r, "cases": n} for name, (r, n) in score.groups.items()}}),
            }
            for score in self.scores
        }
        return {"measure": "benchmarks", "clip": self.clip, "benchmarks": benchmarks, "versions": versions()}

    def save(self, folder: Path, overwrite: bool = False) -> list[Path]:
        """Write report.json. Raises OutputError for a folder with an earlier one unless `overwrite`."""
        with ResultFolder(folder, BENCHMARK_FILES, overwrite) as output:
            path = atomic_write(output.place / "report.json", to_json(self.to_json()).encode())
        return [final_path(path)]
