"""A relevance table (StyleCLIP, section 6) as a file, made over hours and interruptions: see docs/relevance.md."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError, WeightError
from styleclip.files import output_folder, remove_stale_temporaries
from styleclip.latents import StyleLayout
from styleclip.models import Models
from styleclip.networks.batch_size import COMPARE, GRADIENT, max_batch
from styleclip.networks.stylegan2 import Generator
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.stylespace.channel_effects import EffectMeter, Effects, groups
from styleclip.stylespace.eta import Done, EtaEstimator
from styleclip.stylespace.gradient_relevance import gradient_effects
from styleclip.stylespace.shards import Shard, TableShard, difference, is_made, shard_path, unfinished_path
from styleclip.stylespace.statistics import sample_styles, style_statistics
from styleclip.version import __version__
from styleclip.weights.relevance_files import load_relevance, probe, save_relevance

Method = Literal["exact", "official", "gradient"]
SAVE_EVERY = 10.0  # seconds between two writes of what is done so far


@dataclass(frozen=True)
class Preparation:
    """How a relevance table is made."""

    method: Method = "exact"
    images: int = 100  # over which a row is averaged
    samples: int = 100_000  # from which the mean and deviation of every channel are taken
    seed: int = 5  # of the samples and the images; 5 is StyleCLIP's
    psi: float = 0.7  # truncation
    cutoff: int | None = None  # of the first so many w only; None: of all
    sigmas: float = 5.0  # standard deviations up and down from the mean
    torgb: bool = True  # measure the channels of toRGB too; "official" never does

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise UsageError(f"{self.method!r} is no method; choose one of {', '.join(get_args(Method))}")
        for name, least in (("images", 1), ("samples", 2), ("seed", 0), ("cutoff", 1)):
            value = getattr(self, name)
            if value is not None and not least <= value < 2**32:
                raise UsageError(f"{name} is {value}; choose a number from {least} to {2**32 - 1}")
        if not math.isfinite(self.psi) or not 0 < self.sigmas < math.inf:
            raise UsageError(f"psi is {self.psi} and sigmas {self.sigmas}; choose finite ones, sigmas above 0")

    def channels(self, layout: StyleLayout) -> Tensor:
        """[k]: the channels that get a row."""
        left_out = layout.torgb_mask() if not self.torgb or self.method == "official" else torch.zeros(layout.size)
        return (~left_out.bool()).nonzero()[:, 0]

    def batch_size(self, generator: Generator) -> int:
        """How many pictures are rendered at once unless one says otherwise."""
        return max_batch(generator, GRADIENT if self.method == "gradient" else COMPARE)

    def renders(self, channels: int) -> int:
        """The pictures that so many channels take."""
        return self.images if self.method == "gradient" else 2 * self.images * channels

    def about(self, models: Models) -> dict[str, Any]:
        """What the table tells of itself: these settings, the generator and the CLIP."""
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
    on_group: Callable[[Done], None] | None = None,
    resume: bool = True,
    overwrite: bool = False,
    batch_size: int | None = None,
) -> RelevanceTable:
    """Make the table `path`; or the I-th of N shards, which has every N-th channel and a file of its own beside `path`.

    What was made in the same way before is returned as it is. What is done goes to a file beside `path`, every
    SAVE_EVERY seconds and when it ends, be it by Ctrl-C. From there the next call with the same arguments goes on, to
    the same table bit for bit: a group of channels is rendered alike whichever were done before. (On a GPU up to
    rounding: how many pictures are rendered at once follows from the memory that is free.)

    Raises OutputError where nothing can be written, and where `path` was made otherwise unless `overwrite`;
    WeightError where the unfinished file was begun otherwise, unless not to `resume`; UsageError for shards of the
    gradient; NumericError for pictures that are not finite.
    """
    if preparation.method == "gradient" and shard != (1, 1):
        raise UsageError("the gradient measures all channels at once; leave out the shards")
    run = _Run(models, preparation, Path(path), shard, batch_size)
    output_folder(run.path.parent, ())
    if not overwrite and (there := run.there()):
        return there
    part = run.begun(resume)
    run.measure(part, on_group)
    return run.finish(part)


class _Run:
    """One call of `prepare`, step by step."""

    def __init__(
        self, models: Models, preparation: Preparation, path: Path, shard: Shard, batch_size: int | None
    ) -> None:
        self.models, self.preparation, self.path, self.shard = models, preparation, path, shard
        self.batch_size = batch_size or preparation.batch_size(models.generator)
        self.about, self.probe = preparation.about(models), probe(models.clip)
        self.unfinished, self.target = unfinished_path(path, shard), shard_path(path, shard)

    def there(self) -> RelevanceTable | None:
        """The table, or this shard, if it was made before."""
        if is_made(self.path, self.about, self.probe):
            generator = self.models.generator
            return load_relevance(self.path, generator.layout, self.models.clip, self.about["generator"])
        return TableShard.load(self.target).table() if is_made(self.target, self.about, self.probe) else None

    def begun(self, resume: bool) -> TableShard:
        """What an earlier run left, or a part without rows."""
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
        if why := difference(part.about, part.probe, about, self.probe):
            raise WeightError(f"{self.unfinished} was begun {why}; finish that, or pass --restart to begin again")
        return part

    def measure(self, part: TableShard, on_group: Callable[[Done], None] | None) -> None:
        """Add the rows of the channels that have none yet."""
        layout = self.models.generator.layout
        channels = self.preparation.channels(layout)[self.shard[0] - 1 :: self.shard[1]]
        missing = channels[~torch.isin(channels, part.channels)]
        if not len(missing):
            return
        eta, saved = EtaEstimator(layout, self.preparation.renders, len(part.channels), missing), time.monotonic()
        try:
            for rows in self._effects(part.statistics, missing):
                part.effects.append(_checked(rows))
                done = eta.after(rows.channels)
                if on_group:
                    on_group(done)
                if time.monotonic() - saved > SAVE_EVERY:
                    part.save(self.unfinished)
                    saved = time.monotonic()
        finally:
            part.save(self.unfinished)

    def finish(self, part: TableShard) -> RelevanceTable:
        """Write the table or the shard, and remove the unfinished file."""
        if self.target == self.path:
            save_relevance(part.table(), part.probe, self.path)
        else:
            part.save(self.target)
        self.unfinished.unlink(missing_ok=True)
        return part.table()

    @property
    def _sampling(self) -> tuple[int, float, int | None]:
        """How the samples and the images are drawn."""
        return self.preparation.seed, self.preparation.psi, self.preparation.cutoff

    def _effects(self, statistics: StyleStatistics, channels: Tensor) -> Iterator[Effects]:
        """The rows of these channels, group by group.

        The groups come in scattered order, so what some have taken is a fair sample of what the others will take.
        """
        method, sigmas = self.preparation.method, self.preparation.sigmas
        styles = sample_styles(self.models.generator, self.preparation.images, *self._sampling)
        if method == "gradient":
            for rows in gradient_effects(self.models, statistics, styles, self.batch_size):
                yield _only(rows, channels)
            return
        scattered = list(groups(self.models.generator.layout, channels, self.batch_size))
        random.Random(0).shuffle(scattered)
        meter = EffectMeter(self.models, statistics, styles, method, sigmas, self.batch_size)
        for entry, group in scattered:
            yield meter(entry, group)


def _only(rows: Effects, channels: Tensor) -> Effects:
    kept = torch.isin(rows.channels, channels)
    return Effects(*(column[kept] for column in vars(rows).values()))


def _checked(rows: Effects) -> Effects:
    if not (rows.delta_i.isfinite().all() and rows.effect.isfinite().all()):
        raise NumericError("CLIP's features of the pictures are not finite; use --dtype float32")
    return rows
