"""Parts of a file that `styleclip prepare` makes: those of an unfinished run, and the shards of several machines."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from torch import Tensor

from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.models import Models
from styleclip.runtime.devices import DistributedEnv
from styleclip.weights.formats import messages
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.provenance import is_same_clip

Shard = tuple[int, int]  # I of N, from 1
Whole = TypeVar("Whole")  # RelevanceTable or Samples
OTHER_NETWORK = {"generator": "for another generator", "clip": "for another CLIP"}


class Part(ABC, Generic[Whole]):
    """Some rows of a table or of samples, as a file beside it; `merging.merge` joins shards.

    `about` is the record of the whole, with `"shard": "I/N"`; `probe` [D] identifies the CLIP.
    """

    about: Mapping[str, Any]
    probe: Tensor
    row_noun: ClassVar[str]  # of many rows, in errors

    @property
    @abstractmethod
    def rows(self) -> Tensor:
        """[k]: the numbers of the rows that are here."""

    @property
    @abstractmethod
    def total(self) -> object:
        """The number of rows of the whole, as the record has it."""

    @abstractmethod
    def save(self, path: Path) -> Path:
        """Write all rows or nothing; raises OutputError."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote; raises WeightError for any other file."""

    @staticmethod
    @abstractmethod
    def read_record(path: Path) -> tuple[Mapping[str, Any], Tensor]:
        """`about` and `probe` of a whole or a part; raises WeightError for any other file."""

    @abstractmethod
    def joined(self, others: Sequence[Self]) -> Self:
        """The rows of all."""

    @abstractmethod
    def whole(self) -> Whole:
        """The table or the samples that these rows are."""

    @abstractmethod
    def write(self, path: Path, models: Models | None = None) -> Whole:
        """Write the whole; what depends on more than the rows needs the `models`."""


def parse_shard(text: str) -> Shard:
    """`2/4` -> (2, 4); raises UsageError for other text."""
    match = re.fullmatch(r"([1-9]\d{0,4})/([1-9]\d{0,4})", text, re.ASCII)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(f"{short_repr(text)!r} is no shard; write 2/4 for the second of four")
    return int(match[1]), int(match[2])


def process_shard(shard: str | None, device: str) -> tuple[Shard, str]:
    """The shard and the device of this process: those given, or under torchrun those of the environment."""
    env = DistributedEnv.from_environ()
    if env is None:
        return parse_shard(shard or "1/1"), device
    if shard:
        raise UsageError("torchrun says which shard this is; leave out --shard")
    return parse_shard(f"{env.rank + 1}/{env.world_size}"), env.device(device)


def unfinished_path(path: Path, shard: Shard) -> Path:
    """The file of the rows that an unfinished run has made for `path`."""
    return path.with_name(f"{path.stem}.part-{shard[0]}-of-{shard[1]}.safetensors")


def shard_path(path: Path, shard: Shard) -> Path:
    """The file of a shard of `path`; 1 of 1 is `path` itself."""
    return path if shard == (1, 1) else path.with_name(f"{path.stem}.shard-{shard[0]}-of-{shard[1]}.safetensors")


def is_made(path: Path, kind: type[Part[Any]], about: Mapping[str, Any], probe: Tensor) -> bool:
    """Whether the file `path` exists and was made like this; raises OutputError for another file there."""
    if not path.exists():
        return False
    if why := file_difference(path, kind, about, probe):
        raise OutputError(f"{path} exists and was made {why}; pass --overwrite or another --out")
    return True


def record_difference(
    stored_about: Mapping[str, Any], stored_probe: Tensor, about: Mapping[str, Any], probe: Tensor
) -> str:
    """How something stored was made otherwise than `about` and `probe` say; "" where it was made alike."""
    why = messages.difference(stored_about, about, OTHER_NETWORK)
    return why or ("" if is_same_clip(stored_probe, probe) else OTHER_NETWORK["clip"])


def file_difference(path: Path, kind: type[Part[Any]], about: Mapping[str, Any], probe: Tensor) -> str:
    """How the file `path` was made otherwise than `about` and `probe` say; "" where it was made alike."""
    try:
        stored_about, stored_probe = kind.read_record(path)
    except WeightError:
        return "by something else"
    return record_difference(stored_about, stored_probe, about, probe)
