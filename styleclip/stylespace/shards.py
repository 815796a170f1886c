"""Parts of a relevance table as files: those of an unfinished run, and the shards of several machines."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.runtime.devices import DistributedEnv
from styleclip.stylespace.channel_effects import Effects
from styleclip.weights.formats import messages
from styleclip.weights.formats.messages import error_context, short_repr
from styleclip.weights.provenance import is_same_clip
from styleclip.weights.relevance_files import read_table, save_relevance, write_table

Shard = tuple[int, int]  # I of N, from 1
OTHER_NETWORK = {"generator": "for another generator", "clip": "for another CLIP"}


@dataclass(frozen=True)
class TableShard:
    """The rows of some channels; `about` is the record of the table, `probe` [D] a fingerprint of the CLIP."""

    about: Mapping[str, Any]
    statistics: StyleStatistics
    probe: Tensor
    effects: list[Effects] = field(default_factory=list)

    @property
    def channels(self) -> Tensor:
        """[k]: the channels that have a row here."""
        return torch.cat([torch.empty(0, dtype=torch.long), *(rows.channels for rows in self.effects)])

    def save(self, path: Path) -> Path:
        """Write all rows or nothing; raises OutputError."""
        empty = {"delta_i": torch.empty(0, len(self.probe)), "effect": torch.empty(0), "error": torch.empty(0)}
        columns = {
            name: torch.cat([none, *(getattr(rows, name) for rows in self.effects)]) for name, none in empty.items()
        }
        spread = {"mean": self.statistics.mean, "std": self.statistics.std}
        return write_table({"channels": self.channels, **columns, **spread, "probe": self.probe}, self.about, path)

    @staticmethod
    def load(path: Path) -> TableShard:
        """Read a file that `save` wrote; raises WeightError for any other file."""
        tensors, about = read_table(path)
        with error_context(path):
            if "channels" not in tensors:
                raise WeightError("it is no part of a table; pass what `styleclip prepare --shard I/N` made")
            parse_shard(str(about.get("shard")))
            rows = Effects(*(tensors[name] for name in ("channels", "delta_i", "effect", "error")))
            if rows.channels.numel() and not 0 <= rows.channels.min() <= rows.channels.max() < len(tensors["mean"]):
                raise WeightError("its rows belong to channels that the generator lacks; make it again with --restart")
            if {len(column) for column in vars(rows).values()} != {len(rows.channels)}:
                raise WeightError("its columns have different lengths; make it again with --restart")
        return TableShard(about, StyleStatistics(tensors["mean"], tensors["std"]), tensors["probe"], [rows])

    def table(self) -> RelevanceTable:
        """A whole table with these rows; those of other channels are zero."""
        count = len(self.statistics.mean)
        delta_i, effect, error = torch.zeros(count, len(self.probe)), torch.zeros(count), torch.zeros(count)
        for rows in self.effects:
            delta_i[rows.channels] = rows.delta_i
            effect[rows.channels], error[rows.channels] = rows.effect, rows.error
        about = {name: value for name, value in self.about.items() if name != "shard"}
        return RelevanceTable(delta_i, self.statistics, effect, error, about)


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
    """The file of the rows that an unfinished run has made for the table `path`."""
    return path.with_name(f"{path.stem}.part-{shard[0]}-of-{shard[1]}.safetensors")


def shard_path(path: Path, shard: Shard) -> Path:
    """The file of a shard of the table `path`; 1 of 1 is the table itself."""
    return path if shard == (1, 1) else path.with_name(f"{path.stem}.shard-{shard[0]}-of-{shard[1]}.safetensors")


def merge(path: Path, shards: Sequence[Path] = ()) -> RelevanceTable:
    """Join shards, by default all beside `path`, to the table `path`; their files stay.

    Raises WeightError unless they were made alike, for one generator and CLIP, and have every channel once.
    """
    found = list(shards) or sorted(path.parent.glob(f"{glob.escape(path.stem)}.shard-*-of-*.safetensors"))
    if not found:
        raise WeightError(f"no shard lies beside {path}; make them with `styleclip prepare --shard 1/N`, 2/N and so on")
    parts = [TableShard.load(shard) for shard in found]
    _check_alike(found, parts)
    whole = replace(parts[0], effects=[rows for part in parts for rows in part.effects])
    _check_complete(path, parts, whole)
    save_relevance(whole.table(), whole.probe, path)
    return whole.table()


def is_made(path: Path, about: Mapping[str, Any], probe: Tensor) -> bool:
    """Whether the table or shard `path` exists and was made like this; raises OutputError for another file there."""
    if not path.exists():
        return False
    if why := _file_difference(path, about, probe):
        raise OutputError(f"{path} exists and was made {why}; pass --overwrite or another --out")
    return True


def merge_complete(path: Path, count: int, about: Mapping[str, Any], probe: Tensor) -> RelevanceTable | None:
    """Join `count` shards to the table `path`, where all exist and were made like this; else None."""
    shards = [shard_path(path, (i, count)) for i in range(1, count + 1)]
    complete = all(shard.exists() and not _file_difference(shard, about, probe) for shard in shards)
    return merge(path, shards) if complete else None


def table_difference(
    stored_about: Mapping[str, Any], stored_probe: Tensor, about: Mapping[str, Any], probe: Tensor
) -> str:
    """How a stored table was made otherwise than `about` and `probe` say; "" for one that was made alike."""
    why = messages.difference(stored_about, about, OTHER_NETWORK)
    return why or ("" if is_same_clip(stored_probe, probe) else OTHER_NETWORK["clip"])


def _file_difference(path: Path, about: Mapping[str, Any], probe: Tensor) -> str:
    try:
        tensors, stored_about = read_table(path)
    except WeightError:
        return "by something else"
    return table_difference(stored_about, tensors["probe"], about, probe)


def _check_alike(found: Sequence[Path], parts: Sequence[TableShard]) -> None:
    """Raise WeightError unless these differ in nothing but the number of the shard."""
    first = parts[0]
    for path, part in zip(found, parts, strict=True):
        about = {**first.about, "shard": part.about["shard"]}
        if why := table_difference(part.about, part.probe, about, first.probe):
            raise WeightError(f"{path} was made {why} like {found[0].name}; make all shards with the same settings")


def _check_complete(path: Path, parts: Sequence[TableShard], whole: TableShard) -> None:
    """Raise WeightError unless all shards of one cut are here, each once, and with them every channel."""
    shards = sorted(parse_shard(part.about["shard"]) for part in parts)
    count = shards[0][1]
    if others := {other for _, other in shards} - {count}:
        raise WeightError(f"{path} has shards of {count} and of {others.pop()}; delete those of the earlier run")
    if twice := [f"{i}/{n}" for i, n in set(shards) if shards.count((i, n)) > 1]:
        raise WeightError(f"the shard {twice[0]} is there twice; pass each of them once")
    if missing := [f"{i}/{count}" for i in range(1, count + 1) if (i, count) not in shards]:
        names = ", ".join(missing[:8]) + (", ..." if missing[8:] else "")
        raise WeightError(f"{len(missing)} of {count} shards of {path} are missing ({names}); make them with --shard")
    channels = whole.channels.unique()
    if len(channels) != whole.about.get("rows") or len(channels) != len(whole.channels):
        raise WeightError(
            f"the shards of {path} have {len(channels)} different channels in {len(whole.channels)} rows, not "
            f"{short_repr(whole.about.get('rows'))} of each; make them again with --restart"
        )
