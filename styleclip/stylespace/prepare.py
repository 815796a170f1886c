"""Prepare the relevance table of a generator and a CLIP (StyleCLIP, section 6) as a file, with resume and shards.

docs/relevance.md says how.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError, WeightError
from styleclip.files import output_folder, remove_stale_temporaries
from styleclip.latents import StyleLayout
from styleclip.models import Models
from styleclip.networks.batch_size import COMPARE, GRADIENT, max_batch
from styleclip.networks.stylegan2 import Generator
from styleclip.progress import OnStep, ignore
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.settings import check_limits
from styleclip.stylespace.channel_effects import EffectMeter, Effects, groups
from styleclip.stylespace.eta import EtaEstimator
from styleclip.stylespace.gradient_relevance import gradient_effects
from styleclip.stylespace.settings import PreparationSettings
from styleclip.stylespace.shards import Shard, TableShard, is_made, shard_path, table_difference, unfinished_path
from styleclip.stylespace.statistics import sample_styles, style_statistics
from styleclip.version import __version__
from styleclip.weights.provenance import probe
from styleclip.weights.relevance_files import load_relevance, save_relevance

SAVE_EVERY = 10.0  # seconds between two writes of the unfinished file


@dataclass(frozen=True)
class Preparation(PreparationSettings):
    """How a relevance table is made; the settings are those of `PreparationSettings`.

    Example:
        table = prepare(models, Preparation(images=20), "table.safetensors")
    """

    def __post_init__(self) -> None:
        check_limits(self)

    def channels(self, layout: StyleLayout) -> Tensor:
        """[k]: the channels that get a row."""
        left_out = layout.torgb_mask() if not self.torgb or self.method == "official" else torch.zeros(layout.size)
        return (~left_out.bool()).nonzero()[:, 0]

    def batch_size(self, generator: Generator) -> int:
        """The default number of images rendered at once."""
        return max_batch(generator, GRADIENT if self.method == "gradient" else COMPARE)

    def renders(self, channels: int) -> int:
        """The number of images that so many channels take."""
        return self.images if self.method == "gradient" else 2 * self.images * channels

    def about(self, models: Models) -> dict[str, Any]:
        """The record of the table: these settings, the generator and the CLIP."""
        channels = self.channels(models.generator.layout)
        generator, clip = models.provenance["generator"], models.provenance["clip"]
        return {
            **asdict(self),
            "torgb": self.torgb and self.method != "official",
            "rows": len(channels),
            "generator": models.generator_fingerprint,
            "generator_name": generator["name"],
            "clip": clip["name"],
            "clip_preprocess": clip["preprocess"],
            "dtype": models.provenance["dtype"],
            "styleclip": __version__,
        }


def prepare(
    models: Models,
    preparation: Preparation,
    path: str | Path,
    shard: Shard = (1, 1),
    on_step: OnStep = ignore,
    resume: bool = True,
    overwrite: bool = False,
    batch_size: int | None = None,
) -> RelevanceTable:
    """Make the table `path`; or the I-th of N shards, which has every N-th channel and a file of its own beside `path`.

    A file that was made with the same settings is returned as it is. Rows are saved to a file beside `path` every
    SAVE_EVERY seconds and at the end, also after Ctrl-C. The next call with the same arguments resumes from there, to
    the same table bit for bit: the rows of a group of channels do not depend on the groups measured before. (On a GPU
    up to rounding: the number of images rendered at once follows from the free memory.)

    Raises OutputError where nothing can be written, and where `path` was made otherwise unless `overwrite`;
    WeightError where the unfinished file was begun otherwise, unless not to `resume`; UsageError for shards of the
    gradient; NumericError for images that are not finite.

    Args:
        models: the generator and the CLIP.
        preparation: the settings.
        path: the table.
        shard: (I, N) for the I-th of N shards.
        on_step: gets a step per group of channels; see `EtaEstimator.update`.
        resume: whether an unfinished file is continued; else it is removed.
        overwrite: whether a file made with other settings may be replaced.
        batch_size: images rendered at once.
    """
    if preparation.method == "gradient" and shard != (1, 1):
        raise UsageError("the gradient measures all channels at once; leave out the shards")
    run = _Run(models, preparation, Path(path), shard, batch_size)
    output_folder(run.path.parent, ())
    if not overwrite and (table := run.earlier_table()):
        return table
    part = run.load_unfinished(resume)
    run.measure(part, on_step)
    return run.write(part)


class _Run:
    """The steps of `prepare`."""

    def __init__(
        self, models: Models, preparation: Preparation, path: Path, shard: Shard, batch_size: int | None
    ) -> None:
        self.models, self.preparation, self.path, self.shard = models, preparation, path, shard
        self.batch_size = batch_size or preparation.batch_size(models.generator)
        self.about, self.probe = preparation.about(models), probe(models.clip)
        self.unfinished, self.target = unfinished_path(path, shard), shard_path(path, shard)

    def earlier_table(self) -> RelevanceTable | None:
        """The table, or this shard, if it was made before."""
        if is_made(self.path, self.about, self.probe):
            generator = self.models.generator
            return load_relevance(self.path, generator.layout, self.models.clip, self.about["generator"])
        return TableShard.load(self.target).table() if is_made(self.target, self.about, self.probe) else None

    def load_unfinished(self, resume: bool) -> TableShard:
        """The rows of an earlier run, or none yet."""
        if not resume:
            self.unfinished.unlink(missing_ok=True)
        for path in (self.unfinished, self.target):
            remove_stale_temporaries(path)
        about = {**self.about, "shard": f"{self.shard[0]}/{self.shard[1]}"}
        if not self.unfinished.exists():
            samples = self.preparation.samples
            return TableShard(about, style_statistics(self.models.generator, samples, *self._sampling), self.probe)
        try:
            part = TableShard.load(self.unfinished)
        except WeightError as error:
            raise WeightError(f"{self.unfinished} cannot be read; pass --restart to begin again") from error
        if why := table_difference(part.about, part.probe, about, self.probe):
            raise WeightError(f"{self.unfinished} was begun {why}; finish that, or pass --restart to begin again")
        return part

    def measure(self, part: TableShard, on_step: OnStep) -> None:
        """Add the rows of the channels that have none yet."""
        layout = self.models.generator.layout
        channels = self.preparation.channels(layout)[self.shard[0] - 1 :: self.shard[1]]
        missing = channels[~torch.isin(channels, part.channels)]
        if not len(missing):
            return
        eta, saved = EtaEstimator(layout, self.preparation.renders, len(part.channels), missing), time.monotonic()
        try:
            for rows in self._effects(part.statistics, missing):
                _check_finite(rows)
                part.effects.append(rows)
                on_step(eta.update(rows.channels))
                if time.monotonic() - saved > SAVE_EVERY:
                    part.save(self.unfinished)
                    saved = time.monotonic()
        finally:
            part.save(self.unfinished)

    def write(self, part: TableShard) -> RelevanceTable:
        """Write the table or the shard, and remove the unfinished file."""
        if self.target == self.path:
            save_relevance(part.table(), part.probe, self.path)
        else:
            part.save(self.target)
        self.unfinished.unlink(missing_ok=True)
        return part.table()

    @property
    def _sampling(self) -> tuple[int, float, int | None]:
        """How the samples and the images are drawn: seed, psi and cutoff."""
        return self.preparation.seed, self.preparation.psi, self.preparation.cutoff

    def _effects(self, statistics: StyleStatistics, channels: Tensor) -> Iterator[Effects]:
        """The rows of these channels, group by group.

        The order of the groups is random, so the time of the first ones is a fair estimate for the others.
        """
        method, sigmas = self.preparation.method, self.preparation.sigmas
        styles = sample_styles(self.models.generator, self.preparation.images, *self._sampling)
        if method == "gradient":
            for rows in gradient_effects(self.models, statistics, styles, self.batch_size):
                yield _select_rows(rows, channels)
            return
        shuffled = list(groups(self.models.generator.layout, channels, self.batch_size))
        random.Random(0).shuffle(shuffled)
        meter = EffectMeter(self.models, statistics, styles, method, sigmas, self.batch_size)
        for entry, group in shuffled:
            yield meter(entry, group)


def _select_rows(rows: Effects, channels: Tensor) -> Effects:
    kept = torch.isin(rows.channels, channels)
    return Effects(*(column[kept] for column in vars(rows).values()))


def _check_finite(rows: Effects) -> None:
    if not (rows.delta_i.isfinite().all() and rows.effect.isfinite().all()):
        raise NumericError("CLIP's features of the pictures are not finite; use --dtype float32")
