"""`FaceJob`: latents that a command edits together, and the results so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

import styleclip
from styleclip.cli.output.printing import print_lines
from styleclip.edit_source import EditSource
from styleclip.interrupts import defer_interrupts
from styleclip.inversion.generator_delta import save_tuning
from styleclip.inversion.result import LATENT_FILE, tuning_path
from styleclip.latents import Latent
from styleclip.region_editor import RegionEditor
from styleclip.regions import Region
from styleclip.results import EditResult
from styleclip.storage.recording import Recording
from styleclip.storage.temporaries import final_path

if TYPE_CHECKING:
    from styleclip.editor import Editor
    from styleclip.models import Models


@dataclass(eq=False)
class FaceJob:
    """Latents that are edited together, and the results so far: all latents of a source, or one face of a photo.

    Args:
        source: the latents, and where they come from.
        folder: the folder of the results.
        keys: the names of the results: the folders within `folder`, "" for a single result.
        overwrite: whether earlier results may be replaced.
    """

    source: EditSource
    folder: Path
    keys: Sequence[str]
    overwrite: bool
    paths: list[Path] = field(default_factory=list)
    tunings: list[Path] = field(default_factory=list)  # files that belong to the latents of results
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, EditResult] = field(default_factory=dict)  # of a single latent, which may be pasted
    films: dict[str, Sequence[Image]] = field(default_factory=dict)  # frames of a single latent, by name of a video
    extra: dict[str, Any] = field(default_factory=dict)  # more of the record
    interrupted: str = ""  # the message after Ctrl-C
    quiet: bool = False
    recording: Recording = Recording()
    pasted: bool = False  # whether the results are pasted into a photo
    region: Region | None = None

    @cached_property
    def editor(self) -> Editor:
        models = self.source.models
        return RegionEditor(models, self.region, self.latent) if self.region else styleclip.Editor(models)

    def editor_of(self, child: Models) -> Editor:
        """The editor that draws the same latents with a child of the generator."""
        models = self.source.drawn_by(child).models
        return RegionEditor(models, self.region, self.latent) if self.region else styleclip.Editor(models)

    @property
    def latent(self) -> Latent:
        return self.source.latent

    @property
    def about(self) -> dict[str, Any]:
        """Where the latents come from, for the provenance of results."""
        return {"source": self.source.about}

    def save(self, result: EditResult, key: str = "") -> None:
        """Write a result, and beside its latent the tuning of the generator. Ctrl-C keeps the single result."""
        try:
            with defer_interrupts():
                self._write(result, key)
        except KeyboardInterrupt:
            if len(self.keys) > 1:
                raise
            self.interrupted = "Interrupted; kept the result"

    def _write(self, result: EditResult, key: str) -> None:
        self.paths += result.save(self.folder / key, self.overwrite, self.recording)
        if not self.quiet:
            print_lines(*result.notes(self.source.names), err=True)
        if self.source.tuning is not None:
            self.tunings.append(save_tuning(self.source.tuning, tuning_path(self.folder / key / LATENT_FILE)))
        self.records[key] = result.record()
        if len(result.source) == 1:
            self.results[key] = result

    @property
    def files(self) -> list[Path]:
        return [final_path(path) for path in (*self.paths, *self.tunings)]

    @property
    def kept(self) -> list[dict[str, Any]]:
        """The records of all results, in the order of the keys."""
        return [self.records[key] for key in self.keys if key in self.records]

    @property
    def record(self) -> dict[str, Any]:
        """The record of the single result, or of all, as in its `result.json`."""
        kept = {key: self.recording.of_json(record, self.folder / key) for key, record in self.records.items()}
        results = [kept[key] for key in self.keys if key in kept]
        return {**(results[0] if len(self.keys) == 1 else {"results": results}), **self.extra}
