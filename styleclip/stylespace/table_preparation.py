"""Preparation of the relevance table of a generator and a CLIP (StyleCLIP, section 6); docs/relevance.md says how."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import NumericError, UsageError
from styleclip.latents import StyleLayout
from styleclip.models import Models
from styleclip.networks.batch_size import COMPARE, GRADIENT, max_batch
from styleclip.networks.generator import Generator
from styleclip.progress import Step
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.settings import check_limits
from styleclip.stylespace.channel_effects import EffectMeter, Effects, groups
from styleclip.stylespace.eta import EtaEstimator
from styleclip.stylespace.gradient_relevance import gradient_effects
from styleclip.stylespace.preparation import PreparationBase
from styleclip.stylespace.records import network_record
from styleclip.stylespace.settings import TableSettings
from styleclip.stylespace.shards import Shard
from styleclip.stylespace.statistics import sample_styles, style_statistics
from styleclip.stylespace.table_shards import TableShard
from styleclip.weights.relevance_files import load_relevance


@dataclass(frozen=True)
class Preparation(TableSettings, PreparationBase[TableShard, RelevanceTable]):
    """How a relevance table is made; the settings are those of `TableSettings`.

    The rows of a group of channels do not depend on the groups measured before. (On a GPU up to rounding: the number of
    images rendered at once follows from the free memory.)

    Example:
        table = prepare(models, Preparation(images=20), "table.safetensors")
    """

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def part(self) -> type[TableShard]:
        return TableShard

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
        torgb = self.torgb and self.method != "official"
        rows = len(self.channels(models.generator.layout))
        return {**asdict(self), "torgb": torgb, "rows": rows, **network_record(models)}

    def rows(self, models: Models, shard: Shard) -> Tensor:
        """Every N-th channel."""
        if self.method == "gradient" and shard != (1, 1):
            raise UsageError("the gradient measures all channels at once; leave out the shards")
        return self.channels(models.generator.layout)[shard[0] - 1 :: shard[1]]

    def begin(self, models: Models, about: Mapping[str, Any], probe: Tensor, earlier: Path | None) -> TableShard:
        return TableShard(about, style_statistics(models.generator, self.samples, *self._sampling), probe)

    def load(self, models: Models, path: Path) -> RelevanceTable:
        return load_relevance(path, models.generator.layout, models.clip, self.about(models)["generator"])

    def make(self, models: Models, part: TableShard, missing: Tensor, batch_size: int | None) -> Iterator[Step]:
        """The steps count channels; see `EtaEstimator.update`. Raises NumericError for images that are not finite."""
        eta = EtaEstimator(models.generator.layout, self.renders, len(part.rows), missing)
        size = batch_size or self.batch_size(models.generator)
        for rows in self._effects(models, part.statistics, missing, size):
            _check_finite(rows)
            part.effects.append(rows)
            yield eta.update(rows.channels)

    @property
    def _sampling(self) -> tuple[int, float, int | None]:
        """How the samples and the images are drawn: seed, psi and cutoff."""
        return self.seed, self.psi, self.cutoff

    def _effects(
        self, models: Models, statistics: StyleStatistics, channels: Tensor, batch_size: int
    ) -> Iterator[Effects]:
        """The rows of these channels, group by group.

        The order of the groups is random, so the time of the first ones is a fair estimate for the others.
        """
        styles = sample_styles(models.generator, self.images, *self._sampling)
        if self.method == "gradient":
            for rows in gradient_effects(models, statistics, styles, batch_size):
                yield _select_rows(rows, channels)
            return
        shuffled = list(groups(models.generator.layout, channels, batch_size))
        random.Random(0).shuffle(shuffled)
        meter = EffectMeter(models, statistics, styles, self.method, self.sigmas, batch_size)
        for entry, group in shuffled:
            yield meter(entry, group)


def _select_rows(rows: Effects, channels: Tensor) -> Effects:
    kept = torch.isin(rows.channels, channels)
    return Effects(*(column[kept] for column in vars(rows).values()))


def _check_finite(rows: Effects) -> None:
    if not (rows.delta_i.isfinite().all() and rows.effect.isfinite().all()):
        raise NumericError("CLIP's features of the pictures are not finite; use --dtype float32")
