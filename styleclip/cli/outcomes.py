"""The results of one call of `global-dir`: made, saved, and remembered as sheets need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from styleclip.cli.output.progress import Progress
from styleclip.cli.wishes import AlphaBeta
from styleclip.editor import Editor
from styleclip.latents import Latent
from styleclip.results import EditResult
from styleclip.sweep_sheets import SweepSummary
from styleclip.sweeps import SweepPoint, SweepResult, edit_at_points


@dataclass(frozen=True)
class Outcome:
    """The result of one combination, and its full pictures for a single face, which may be pasted."""

    combination: AlphaBeta
    summary: SweepSummary
    record: dict[str, Any]
    result: EditResult | None


@dataclass
class Results:
    """What one call makes, each combination in its place, and whether Ctrl-C came in between."""

    editor: Editor
    places: Mapping[AlphaBeta, Path]
    overwrite: bool
    about: Mapping[str, Any]  # added to the provenance of all
    outcomes: dict[AlphaBeta, Outcome] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    interrupted: bool = False

    @property
    def all(self) -> list[Outcome]:
        """What was kept, in the order in which it was asked for."""
        return [self.outcomes[combination] for combination in self.places if combination in self.outcomes]

    @property
    def record(self) -> dict[str, Any]:
        """The record of the single result, or of all."""
        records = [outcome.record for outcome in self.all]
        return {"results": records} if len(self.places) > 1 else records[0]

    @property
    def said(self) -> str:
        """What to say after Ctrl-C; "" where it did not come."""
        if not self.interrupted:
            return ""
        several = f"{len(self.all)} of {len(self.places)} results"
        return f"Interrupted; kept {several if len(self.places) > 1 else 'the best result so far'}"

    def make(self, latent: Latent, points: Sequence[SweepPoint], progress: Progress) -> None:
        """Edit and save, the strongest first. Ctrl-C leaves what is finished; of a single edit the best so far."""
        try:
            for result in edit_at_points(self.editor, latent, points, progress, self.about):
                self._add(result)
        except KeyboardInterrupt:
            if not self.outcomes:
                raise
            self.interrupted = True

    def _add(self, result: SweepResult) -> None:
        combination, edit = AlphaBeta(result.alpha, result.beta), result.result
        self.paths += edit.save(self.places[combination], self.overwrite)
        kept = edit if len(edit.source) == 1 else None
        self.outcomes[combination] = Outcome(combination, SweepSummary.of(self.editor, result), edit.record(), kept)
        self.interrupted = edit.interrupted
