"""Preparation of samples that CLIP sees, with the regressions of W and S to its features."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.models import Models
from styleclip.progress import Step
from styleclip.samples import Samples
from styleclip.settings import check_limits
from styleclip.stylespace.preparation import PreparationBase
from styleclip.stylespace.regression import SPACES, fit_all
from styleclip.stylespace.sample_shards import SampleShard
from styleclip.stylespace.samples import BLOCK, image_record, see_blocks
from styleclip.stylespace.settings import SampleSettings
from styleclip.stylespace.shards import Shard, is_made
from styleclip.weights.sample_files import load_samples, save_samples


@dataclass(frozen=True)
class SamplePreparation(SampleSettings, PreparationBase[SampleShard, Samples]):
    """How many samples are seen; the settings are those of `SampleSettings`.

    Example:
        samples = prepare(models, SamplePreparation(samples=20_000), "samples.safetensors")
        step = samples.fits[Space.S](delta_t)    # [C]
    """

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def part(self) -> type[SampleShard]:
        return SampleShard

    def about(self, models: Models) -> dict[str, Any]:
        return {"samples": self.samples, "seed": self.seed, "psi": self.psi, **image_record(models)}

    def rows(self, models: Models, shard: Shard) -> Tensor:
        """Every N-th block of samples."""
        numbers = torch.arange(self.samples)
        return numbers[numbers // BLOCK % shard[1] == shard[0] - 1]

    def begin(self, models: Models, about: Mapping[str, Any], probe: Tensor, earlier: Path | None) -> SampleShard:
        part = SampleShard(about, probe)
        if earlier is not None and earlier.exists():
            fewer = load_samples(earlier, models.clip, about["generator"])
            part.add(torch.arange(len(fewer)), fewer.features)
        return part

    def earlier(self, models: Models, path: Path, about: Mapping[str, Any], probe: Tensor) -> Samples | None:
        """As many samples of these settings as were asked for, or more; they get regressions if they have none."""
        whatever_count = {name: value for name, value in about.items() if name != "samples"}
        if not is_made(path, self.part, whatever_count, probe):
            return None
        found = self.load(models, path)
        if len(found) < self.samples:
            return None
        if not set(SPACES) <= set(found.fits):
            found = fit_all(models.generator, found)
            save_samples(found, probe, path)
        return found

    def load(self, models: Models, path: Path) -> Samples:
        return load_samples(path, models.clip, models.generator_fingerprint or "")

    def make(self, models: Models, part: SampleShard, missing: Tensor, batch_size: int | None) -> Iterator[Step]:
        """The steps count samples. Raises NumericError for features that are not finite."""
        blocks = (missing // BLOCK).unique().tolist()
        started, earlier = time.monotonic(), len(part.rows)
        for i, features in enumerate(see_blocks(models, blocks, self.seed, self.psi)):
            rows = missing[missing // BLOCK == blocks[i]]
            part.add(rows, features[rows % BLOCK])
            values = {"renders": (i + 1) * BLOCK, "seconds": time.monotonic() - started}
            yield Step(len(part.rows), earlier + len(missing), values)
