"""Join the shards of a table or of samples that several processes made (`styleclip prepare --merge`)."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.stylespace.sample_shards import SampleShard
from styleclip.stylespace.shards import Part, file_difference, parse_shard, record_difference, shard_path
from styleclip.stylespace.table_shards import TableShard
from styleclip.text.names import first_names
from styleclip.weights.formats.messages import error_context, short_repr
from styleclip.weights.formats.own_files import KIND
from styleclip.weights.provenance import probe
from styleclip.weights.safe_pickle.containers import open_content


def merge(path: Path, shards: Sequence[Path] = (), models: Models | None = None) -> Any:
    """Join shards, by default all beside `path`, to the table or the samples `path`; their files stay.

    With `models` samples get their regressions. Raises WeightError unless the shards were made alike, for one generator
    and CLIP (those of the `models`), and have every row once.
    """
    found = list(shards) or find_shards(path)
    parts = [_load(shard) for shard in found]
    _check_alike(found, parts)
    if models is not None:
        _check_networks(found[0], parts[0], models)
    joined = parts[0].joined(parts[1:])
    _check_complete(path, parts, joined)
    return joined.write(path, models)


def merge_complete(
    path: Path, kind: type[Part[Any]], count: int, about: Mapping[str, Any], clip: Tensor, models: Models
) -> Any:
    """Join `count` shards to `path`, where all exist and were made like this; else None."""
    shards = [shard_path(path, (i, count)) for i in range(1, count + 1)]
    complete = all(shard.exists() and not file_difference(shard, kind, about, clip) for shard in shards)
    return merge(path, shards, models) if complete else None


def find_shards(path: Path) -> list[Path]:
    """The shards that lie beside `path`; raises WeightError where there is none."""
    found = sorted(path.parent.glob(f"{glob.escape(path.stem)}.shard-*-of-*.safetensors"))
    if not found:
        raise WeightError(f"no shard lies beside {path}; make them with `styleclip prepare --shard 1/N`, 2/N and so on")
    return found


def are_samples(shards: Sequence[Path]) -> bool:
    """Whether these are shards of samples, not of a table; raises WeightError for a file that cannot be read."""
    with error_context(shards[0]):
        return open_content(shards[0]).metadata.get(KIND) == "samples"


def _load(shard: Path) -> Part[Any]:
    return SampleShard.load(shard) if are_samples([shard]) else TableShard.load(shard)


def _check_alike(found: Sequence[Path], parts: Sequence[Part[Any]]) -> None:
    """Raise WeightError unless these differ in nothing but the number of the shard."""
    first = parts[0]
    for path, part in zip(found, parts, strict=True):
        about = {**first.about, "shard": part.about["shard"]}
        why = record_difference(part.about, part.probe, about, first.probe)
        if why or type(part) is not type(first):
            why = why or "as another kind of file"
            raise WeightError(f"{path} was made {why} like {found[0].name}; make all shards with the same settings")


def _check_networks(path: Path, part: Part[Any], models: Models) -> None:
    """Raise WeightError unless a shard was made for these models."""
    about = {"generator": models.generator_fingerprint}
    if why := record_difference(part.about, part.probe, about, probe(models.clip)):
        raise WeightError(f"{path} was made {why}; pass the --model and the --clip that it was made for")


def _check_complete(path: Path, parts: Sequence[Part[Any]], whole: Part[Any]) -> None:
    """Raise WeightError unless all shards of one cut are here, each once, and with them every row."""
    shards = sorted(parse_shard(part.about["shard"]) for part in parts)
    count = shards[0][1]
    if others := {other for _, other in shards} - {count}:
        raise WeightError(f"{path} has shards of {count} and of {others.pop()}; delete those of the earlier run")
    if twice := [f"{i}/{n}" for i, n in set(shards) if shards.count((i, n)) > 1]:
        raise WeightError(f"the shard {twice[0]} is there twice; pass each of them once")
    if missing := [f"{i}/{count}" for i in range(1, count + 1) if (i, count) not in shards]:
        names = first_names(missing)
        raise WeightError(f"{len(missing)} of {count} shards of {path} are missing ({names}); make them with --shard")
    different = whole.rows.unique()
    if len(different) != whole.total or len(different) != len(whole.rows):
        raise WeightError(
            f"the shards of {path} have {len(different)} different {whole.row_noun} in {len(whole.rows)} rows, not "
            f"{short_repr(whole.total)} of each; make them again with --restart"
        )
