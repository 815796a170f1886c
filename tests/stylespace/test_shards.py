"""Shards of a relevance table: each is resumed, all are merged, and those that do not fit are refused."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.stylespace.merging import merge
from styleclip.stylespace.prepare import prepare
from styleclip.stylespace.shards import shard_path, unfinished_path
from styleclip.stylespace.table_preparation import Preparation
from styleclip.stylespace.table_shards import TableShard
from styleclip.weights.describe import describe
from styleclip.weights.relevance_files import load_relevance
from tests.helpers.preparation import FEW, LAYOUT, assert_same_table
from tests.helpers.support import is_one_sentence
from tests.helpers.unfinished_tables import GROUPS, StoppedAfter, leave_unfinished, models, path

__all__ = ["models", "path"]  # fixtures


def make_shards(models: Models, path: Path, count: int, preparation: Preparation = FEW) -> list[Path]:
    for i in range(1, count + 1):
        prepare(models, preparation, path, shard=(i, count))
    return [shard_path(path, (i, count)) for i in range(1, count + 1)]


@pytest.mark.parametrize("method", ["exact", "official"])
def test_shards_are_the_whole(models: Models, path: Path, tmp_path: Path, method: Any) -> None:
    preparation = replace(FEW, method=method)
    shards = make_shards(models, path, 3, preparation)
    assert sorted(path.parent.iterdir()) == shards
    by_layer = [Counter(layer_of(c) for c in TableShard.load(shard).rows.tolist()) for shard in shards]
    for one, other in itertools.combinations(by_layer, 2):
        assert all(abs(one[layer] - other[layer]) <= 1 for layer in one | other), "a shard has more of some layer"
    joined = merge(path)
    assert_same_table(joined, prepare(models, preparation, tmp_path / "whole.safetensors"), 1e-5)
    assert_same_table(load_relevance(path, LAYOUT, models.clip, models.provenance["generator"]["network"]), joined)
    assert "shard" not in joined.about and all(shard.exists() for shard in shards)


def layer_of(channel: int) -> str:
    return next(entry.name for entry in LAYOUT.entries if channel < entry.span.stop)


def test_a_shard_goes_on_too(models: Models, path: Path) -> None:
    leave_unfinished(models, path, groups=2, shard=(2, 2))
    assert unfinished_path(path, (2, 2)).exists()
    watch = StoppedAfter()
    prepare(models, FEW, path, shard=(2, 2), on_step=watch)
    assert len(watch.steps) == GROUPS - 2
    prepare(models, FEW, path, shard=(2, 2), on_step=watch)
    assert len(watch.steps) == GROUPS - 2, "it was made before"


def test_parts_are_no_tables(models: Models, path: Path) -> None:
    leave_unfinished(models, path, groups=2)
    [shard, _] = make_shards(models, path, 2)
    for file, words in (
        (
            unfinished_path(path, (1, 1)),
            "an unfinished run has made, not a whole table; run the same `styleclip prepare",
        ),
        (shard, "it is the shard 1/2, not a whole table; join all with `styleclip prepare --merge`"),
    ):
        with pytest.raises(WeightError, match=re.escape(words)):
            load_relevance(file, LAYOUT, models.clip, models.provenance["generator"]["network"])
    assert describe(shard)["parts"][0]["shard"] == "1/2"


def damage(file: Path, **changes: Any) -> None:
    """Write a shard again with the rows of other channels or something else about it."""
    part = TableShard.load(file)
    rows = replace(part.effects[0], **{name: changes.pop(name) for name in ("channels",) if name in changes})
    replace(part, about={**part.about, **changes}, effects=[rows]).save(file)


SPOILT: dict[str, tuple[Callable[[list[Path], Path], Any], str]] = {
    "none": (lambda shards, path: [shard.unlink() for shard in shards], "no shard lies beside .*; make them with"),
    "one missing": (lambda shards, path: shards[1].unlink(), r"1 of 3 shards of .* are missing \(2/3\); make them"),
    "settings": (lambda shards, path: damage(shards[2], psi=1.0), "with psi 1.0, not 0.7 like table.shard-1-of-3"),
    "generator": (lambda shards, path: damage(shards[1], generator="0"), "made for another generator like"),
    "twice": (lambda shards, path: shards[1].write_bytes(shards[0].read_bytes()), "the shard 1/3 is there twice; pass"),
    "no shard": (lambda shards, path: damage(shards[0], shard="one"), "'one' is no shard; write 2/4 for the second"),
    "channels": (
        lambda shards, path: damage(shards[0], channels=TableShard.load(shards[1]).rows),
        "different channels",
    ),
    "torn": (lambda shards, path: shards[0].write_bytes(shards[0].read_bytes()[:-9]), "shard-1-of-3.safetensors: "),
}


@pytest.mark.parametrize(("spoilt", "words"), SPOILT.values(), ids=SPOILT)
def test_shards_that_do_not_fit(
    models: Models, path: Path, spoilt: Callable[[list[Path], Path], Any], words: str
) -> None:
    shards = make_shards(models, path, 3, replace(FEW, images=1))
    spoilt(shards, path)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(WeightError, match=words) as caught:
        merge(path)
    assert is_one_sentence(caught.value)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


def test_shards_of_two_cuts(models: Models, path: Path) -> None:
    make_shards(models, path, 2, replace(FEW, images=1))
    prepare(models, replace(FEW, images=1), path, shard=(1, 3))
    with pytest.raises(WeightError, match="has shards of 2 and of 3; delete those of the earlier run"):
        merge(path)
    merge(path, [shard_path(path, (i, 2)) for i in (2, 1)])
