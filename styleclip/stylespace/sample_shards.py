"""Parts of the samples that CLIP sees: some of them, by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.samples import Samples
from styleclip.stylespace.regression import fit_all
from styleclip.stylespace.shards import Part, parse_shard
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_files import save_own
from styleclip.weights.sample_files import read_tensors, samples_of_record, save_samples


@dataclass(frozen=True)
class SampleShard(Part[Samples]):
    """The features [k, D] of the samples with the numbers `rows` [k], as they were added."""

    row_noun: ClassVar[str] = "samples"

    about: Mapping[str, Any]
    probe: Tensor
    numbers: list[Tensor] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)

    @property
    def rows(self) -> Tensor:
        return torch.cat([torch.empty(0, dtype=torch.long), *self.numbers])

    @property
    def total(self) -> object:
        return self.about.get("samples")

    def add(self, numbers: Tensor, features: Tensor) -> None:
        """Add samples by number [k] and their features [k, D]."""
        self.numbers.append(numbers)
        self.features.append(features)

    def save(self, path: Path) -> Path:
        features = torch.cat([torch.empty(0, len(self.probe)), *self.features])
        return save_own("samples", {"rows": self.rows, "features": features, "probe": self.probe}, path, self.about)

    @classmethod
    def load(cls, path: Path) -> SampleShard:
        tensors, about = read_tensors(path)
        with error_context(path):
            if "rows" not in tensors:
                raise WeightError("it is no part of samples; pass what `styleclip prepare --shard I/N` made")
            parse_shard(str(about.get("shard")))
            rows, features = tensors["rows"], tensors["features"]
            if features.shape != (len(rows), len(tensors["probe"])) or (len(rows) and rows.min() < 0):
                raise WeightError("its rows and its features do not fit together; make it again with --restart")
        return cls(about, tensors["probe"], [rows], [features])

    @staticmethod
    def read_record(path: Path) -> tuple[Mapping[str, Any], Tensor]:
        tensors, about = read_tensors(path)
        return about, tensors["probe"]

    def joined(self, others: Sequence[SampleShard]) -> SampleShard:
        parts = (self, *others)
        numbers, features = (
            [each for part in parts for each in getattr(part, name)] for name in ("numbers", "features")
        )
        return replace(self, numbers=numbers, features=features)

    def whole(self) -> Samples:
        """The samples that are here, in the order of their numbers."""
        order = self.rows.argsort()
        return samples_of_record(torch.cat(self.features)[order], self.about)

    def write(self, path: Path, models: Models | None = None) -> Samples:
        """Write the samples, with `models` also their regressions in W and S."""
        samples = self.whole()
        if models is not None:
            samples = fit_all(models.generator, samples)
        save_samples(samples, self.probe, path)
        return samples
