"""`prepare`: make samples or a relevance table as a file, with resume and shards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Generic

import torch

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.runtime.gradients import float32_default
from styleclip.storage.files import output_folder
from styleclip.storage.result_folder import locked_file
from styleclip.stylespace.preparation import PartT, PreparationBase
from styleclip.stylespace.shards import Shard, Whole, is_made, record_difference, shard_path, unfinished_path
from styleclip.weights.provenance import probe

SAVE_EVERY = 10.0  # seconds between two writes of the unfinished file


@float32_default()
@torch.inference_mode(False)
def prepare(
    models: Models,
    preparation: PreparationBase[Any, Whole],
    path: str | Path,
    shard: Shard = (1, 1),
    on_step: OnStep = ignore,
    resume: bool = True,
    overwrite: bool = False,
    batch_size: int | None = None,
) -> Whole:
    """Make the file `path`; or the I-th of N shards, which has every N-th row and a file of its own beside `path`.

    A file that was made with the same settings is returned as it is. Rows are saved to a file beside `path` every
    SAVE_EVERY seconds and at the end, also after Ctrl-C. The next call with the same arguments resumes from there, to
    the same result bit for bit.

    Raises OutputError where nothing can be written, and where `path` was made otherwise unless `overwrite`;
    WeightError where the unfinished file was begun otherwise, unless not to `resume`; UsageError for shards of the
    gradient; NumericError for images that are not finite.

    Args:
        models: the generator and the CLIP.
        preparation: the settings: a `SamplePreparation` or a `Preparation`.
        path: the file.
        shard: (I, N) for the I-th of N shards.
        on_step: gets a step per group of rows, with the `renders` and the `seconds` of this run.
        resume: whether an unfinished file is continued; else it is removed.
        overwrite: whether a file made with other settings may be replaced.
        batch_size: images rendered at once, for a table.

    Example:
        samples = prepare(models, SamplePreparation(), "samples.safetensors")
        table = prepare(models, Preparation("exact"), "table.safetensors", on_step=print)
    """
    run = _Run(models, preparation, Path(path), shard, batch_size)
    output_folder(run.path.parent, ())
    with locked_file(run.target):
        if not overwrite and (found := run.earlier()) is not None:
            return found
        part = run.load_unfinished(resume, overwrite)
        run.make(part, on_step)
        return run.write(part)


class _Run(Generic[PartT, Whole]):
    """The steps of `prepare`."""

    def __init__(
        self,
        models: Models,
        preparation: PreparationBase[PartT, Whole],
        path: Path,
        shard: Shard,
        batch_size: int | None,
    ) -> None:
        self.models, self.preparation, self.path, self.shard = models, preparation, path, shard
        self.batch_size = batch_size
        self.rows = preparation.rows(models, shard)
        self.about, self.probe = preparation.about(models), probe(models.clip)
        self.unfinished, self.target = unfinished_path(path, shard), shard_path(path, shard)

    def earlier(self) -> Whole | None:
        """What was made before: the whole, or this shard."""
        found = self.preparation.earlier(self.models, self.path, self.about, self.probe)
        if found is None and self.is_shard and is_made(self.target, self.preparation.part, self.about, self.probe):
            shard: Whole = self.preparation.part.load(self.target).whole()
            return shard
        return found

    def load_unfinished(self, resume: bool, overwrite: bool) -> PartT:
        """The rows of an earlier run, or none yet."""
        if not resume:
            self.unfinished.unlink(missing_ok=True)
        about = {**self.about, "shard": f"{self.shard[0]}/{self.shard[1]}"}
        if not self.unfinished.exists():
            earlier = None if overwrite or not resume or self.is_shard else self.path
            return self.preparation.begin(self.models, about, self.probe, earlier)
        try:
            part = self.preparation.part.load(self.unfinished)
        except WeightError as error:
            raise WeightError(f"{self.unfinished} cannot be read; pass --restart to begin again") from error
        if why := record_difference(part.about, part.probe, about, self.probe):
            raise WeightError(f"{self.unfinished} was begun {why}; finish that, or pass --restart to begin again")
        return part

    def make(self, part: PartT, on_step: OnStep) -> None:
        """Add the rows that are missing."""
        missing = self.rows[~torch.isin(self.rows, part.rows)]
        if not len(missing):
            return
        saved = time.monotonic()
        try:
            for step in self.preparation.make(self.models, part, missing, self.batch_size):
                on_step(step)
                if time.monotonic() - saved > SAVE_EVERY:
                    part.save(self.unfinished)
                    saved = time.monotonic()
        finally:
            part.save(self.unfinished)

    def write(self, part: PartT) -> Whole:
        """Write the whole or the shard, and remove the unfinished file."""
        whole: Whole
        if self.is_shard:
            part.save(self.target)
            whole = part.whole()
        else:
            whole = part.write(self.path, self.models)
        self.unfinished.unlink(missing_ok=True)
        return whole

    @property
    def is_shard(self) -> bool:
        return self.shard != (1, 1)
