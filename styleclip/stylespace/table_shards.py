"""Parts of a relevance table: the rows of some channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.stylespace.channel_effects import Effects
from styleclip.stylespace.shards import Part, parse_shard
from styleclip.weights.formats.messages import error_context
from styleclip.weights.relevance_files import read_table, save_relevance, write_table


@dataclass(frozen=True)
class TableShard(Part[RelevanceTable]):
    """The rows of some channels of a relevance table, with the statistics of all channels."""

    row_noun: ClassVar[str] = "channels"

    about: Mapping[str, Any]
    statistics: StyleStatistics
    probe: Tensor
    effects: list[Effects] = field(default_factory=list)

    @property
    def rows(self) -> Tensor:
        return torch.cat([torch.empty(0, dtype=torch.long), *(rows.channels for rows in self.effects)])

    @property
    def total(self) -> object:
        return self.about.get("rows")

    def save(self, path: Path) -> Path:
        empty = {"delta_i": torch.empty(0, len(self.probe)), "effect": torch.empty(0), "error": torch.empty(0)}
        columns = {
            name: torch.cat([none, *(getattr(rows, name) for rows in self.effects)]) for name, none in empty.items()
        }
        spread = {"mean": self.statistics.mean, "std": self.statistics.std}
        return write_table({"channels": self.rows, **columns, **spread, "probe": self.probe}, self.about, path)

    @classmethod
    def load(cls, path: Path) -> TableShard:
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
        return cls(about, StyleStatistics(tensors["mean"], tensors["std"]), tensors["probe"], [rows])

    @staticmethod
    def read_record(path: Path) -> tuple[Mapping[str, Any], Tensor]:
        tensors, about = read_table(path)
        return about, tensors["probe"]

    def joined(self, others: Sequence[TableShard]) -> TableShard:
        return replace(self, effects=[rows for part in (self, *others) for rows in part.effects])

    def whole(self) -> RelevanceTable:
        """The table with these rows; those of other channels are zero."""
        count = len(self.statistics.mean)
        delta_i, effect, error = torch.zeros(count, len(self.probe)), torch.zeros(count), torch.zeros(count)
        for rows in self.effects:
            delta_i[rows.channels] = rows.delta_i
            effect[rows.channels], error[rows.channels] = rows.effect, rows.error
        about = {name: value for name, value in self.about.items() if name != "shard"}
        return RelevanceTable(delta_i, self.statistics, effect, error, about)

    def write(self, path: Path, models: Models | None = None) -> RelevanceTable:
        table = self.whole()
        save_relevance(table, self.probe, path)
        return table
