"""The results of one call of `global-dir`: made, saved, and remembered as sheets need them. Imported when it works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image

from styleclip.cli.explain import counted
from styleclip.cli.options.types import format_number
from styleclip.cli.output.progress import Progress
from styleclip.cli.sheets import View, thumbnails
from styleclip.cli.turns import Turn
from styleclip.cli.wishes import AlphaBeta
from styleclip.editor import Editor
from styleclip.latents import Latent, Space
from styleclip.progress import ignore
from styleclip.results import EditResult
from styleclip.settings import Strength

AROUND = (0.5, 1.0, 1.5)  # of a single strength, on a sheet


@dataclass(frozen=True)
class Outcome:
    """One combination of alpha and beta: where the faces were in S, where they went, and what that looks like."""

    combination: AlphaBeta
    turns: Sequence[Turn]
    source: Latent
    edited: Latent
    pictures: Sequence[Image]
    record: dict[str, Any]
    result: EditResult | None  # of a single face, which may be pasted; many would need much memory

    @staticmethod
    def of(editor: Editor, combination: AlphaBeta, turns: Sequence[Turn], result: EditResult) -> Outcome:
        source, edited = (editor.models.generator.to_space(each, Space.S) for each in (result.source, result.edited))
        kept = result if len(source) == 1 else None
        return Outcome(combination, turns, source, edited, thumbnails(result.after), result.record(), kept)

    @property
    def alpha(self) -> Strength | None:
        """The strength of all edits; None where they differ."""
        alphas = {turn.method.alpha for turn in self.turns}
        return alphas.pop() if len(alphas) == 1 else None

    @property
    def beta(self) -> str:
        """The label of the beta; for a single edit with what "auto" came to and the number of channels."""
        asked = self.combination.beta
        if len(self.turns) > 1:
            return "" if asked is None else f"beta {format_number(asked)}"
        edit = self.turns[0].edit
        threshold = format_number(asked) if isinstance(asked, float) else f"{asked or ''} {edit.beta:.3f}"
        return f"beta {threshold}\n{counted(len(edit.channels))}"

    def view(self) -> View:
        return View("edited" if self.alpha is None else f"alpha {format_number(self.alpha)}", self.beta, self.pictures)

    def views(self, editor: Editor) -> Iterator[View]:
        """What leads to the result and past it: every one of several edits, or half and 1.5 times a number."""
        if len(self.turns) > 1:
            steps = [turn.after for turn in self.turns if turn.after is not None]
            labels = [f"{'+ ' * (i > 0)}{turn.edit.prompt.target}" for i, turn in enumerate(self.turns)]
        elif isinstance(self.alpha, float) and self.alpha:
            steps = [self.source + factor * (self.edited - self.source) for factor in AROUND]
            labels = [f"alpha {format_number(round(factor * self.alpha, 6))}" for factor in AROUND]
        else:
            steps, labels = [self.edited], [self.view().alpha]
        for step, label in zip(steps, labels, strict=True):
            yield View(label, self.beta, thumbnails(editor.render(step)))


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

    def make(self, latent: Latent, turns: Mapping[AlphaBeta, Sequence[Turn]], progress: Progress) -> None:
        """Edit and save, the strongest first: a picture that is not finite ends the work before anything is written.

        Ctrl-C leaves what is finished; of a single edit it leaves the best so far.
        """
        try:
            for combination in sorted(self.places, key=lambda each: each.size, reverse=True):
                self._add(latent, combination, turns[combination], progress)
        except KeyboardInterrupt:
            if not self.outcomes:
                raise
            self.interrupted = True

    def _add(self, latent: Latent, combination: AlphaBeta, turns: Sequence[Turn], progress: Progress) -> None:
        several = len(self.places) > 1
        edits = [(turn.edit.prompt, turn) for turn in turns]
        result = self.editor.edit_in_turn(latent, edits, ignore if several else progress)
        if result.interrupted and several:
            raise KeyboardInterrupt
        directions = [turn.record() for turn in turns]
        result.provenance = {**result.provenance, **self.about, "directions": directions}
        self.paths += result.save(self.places[combination], self.overwrite)
        self.outcomes[combination] = Outcome.of(self.editor, combination, turns, result)
        self.interrupted = result.interrupted
        progress.show(len(self.outcomes), len(self.places))
