"""What `prepare` makes, as settings: the base class of `SamplePreparation` and `Preparation`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from styleclip.models import Models
from styleclip.progress import Step
from styleclip.stylespace.shards import Part, Shard, Whole, is_made

PartT = TypeVar("PartT", bound=Part[Any])


class PreparationBase(ABC, Generic[PartT, Whole]):
    """Settings of something that consists of rows, which are made in any order and division."""

    @property
    @abstractmethod
    def part(self) -> type[PartT]:
        """The class of the rows of an unfinished run or a shard."""

    @abstractmethod
    def about(self, models: Models) -> dict[str, Any]:
        """The record of the whole: these settings, the generator and the CLIP."""

    @abstractmethod
    def rows(self, models: Models, shard: Shard) -> Tensor:
        """[k]: the numbers of the rows of a shard; raises UsageError where there can be no shards."""

    @abstractmethod
    def begin(self, models: Models, about: Mapping[str, Any], probe: Tensor, earlier: Path | None) -> PartT:
        """A part without rows, or with those of a smaller whole in the file `earlier` that can be continued."""

    @abstractmethod
    def make(self, models: Models, part: PartT, missing: Tensor, batch_size: int | None) -> Iterator[Step]:
        """Add the rows with the numbers `missing` to `part`, and give a step for each group of them.

        The values of a step are the `renders` and `seconds` of this run.
        """

    @abstractmethod
    def load(self, models: Models, path: Path) -> Whole:
        """The whole in a file of these settings."""

    def earlier(self, models: Models, path: Path, about: Mapping[str, Any], probe: Tensor) -> Whole | None:
        """The whole in `path` if it was made before; raises OutputError for another file there."""
        return self.load(models, path) if is_made(path, self.part, about, probe) else None
