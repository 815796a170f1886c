"""Relevance tables and style statistics as files: ours, StyleCLIP's `fs3.npy` and `S_mean_std`.

Ours is safetensors with the metadata `{"styleclip": "relevance", "about": JSON}` and the tensors of `RelevanceTable`:
`delta_i` [C, D], `mean` and `std` [C], `effect` and `error` [C], and `probe` [D], CLIP's features of one text, which
identify the CLIP under any name. An incomplete table, of an interrupted run or of a shard, also has `channels` [k], the
indices of its rows `delta_i` [k, D], `effect` and `error` [k], and `"shard": "I/N"` in `about`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import StyleLayout
from styleclip.networks.clip import CLIP
from styleclip.relevance_table import RelevanceTable, StyleStatistics
from styleclip.weights.cache import Fetch
from styleclip.weights.catalog import Weight, home
from styleclip.weights.formats.messages import error_context, short_repr
from styleclip.weights.formats.own_checks import check_finite, check_shapes
from styleclip.weights.formats.own_files import read_own, save_own
from styleclip.weights.formats.registry import read_one
from styleclip.weights.formats.style_tables import ROW_BATCH, check_deviations, check_real, is_matrix, is_unit
from styleclip.weights.lineage import ancestry, family
from styleclip.weights.locate import weight_file
from styleclip.weights.provenance import cache_name, check_provenance, probe
from styleclip.weights.recognition import known_weight, warn_of_other_generator
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor

REMEDY = "make the table again with `styleclip prepare --method exact`"


def save_relevance(
    table: RelevanceTable, clip: CLIP | Tensor, path: str | Path, dtype: torch.dtype = torch.float32
) -> Path:
    """Write a table atomically; raises OutputError where it cannot be written.

    `clip` is the CLIP that the table belongs to, or its `probe`.
    """
    spread = table.statistics
    tensors = {
        "delta_i": table.delta_i,
        "mean": spread.mean if spread else None,
        "std": spread.std if spread else None,
        "effect": table.effect,
        "error": table.error,
        "probe": clip if isinstance(clip, Tensor) else probe(clip),
    }
    present = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    return write_table(present, table.about, path, dtype)


def write_table(
    tensors: Mapping[str, Tensor], about: Mapping[str, Any], path: str | Path, dtype: torch.dtype = torch.float32
) -> Path:
    """Write the tensors of a complete or incomplete table atomically."""
    return save_own("relevance", tensors, path, about, dtype=dtype)


def read_table(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and `about` of a file by `write_table`; raises WeightError for any other file."""
    tensors, about = read_own(path, "relevance", REMEDY)
    with error_context(path):
        _check_complete(tensors)
        return tensors, about


def load_relevance(
    path: str | Path,
    layout: StyleLayout,
    clip: CLIP,
    fingerprint: str,
    statistics: StyleStatistics | None = None,
    family: Collection[str] = (),
) -> RelevanceTable:
    """The table in a file, for the style channels of `layout`.

    A table of StyleCLIP has a row for each channel that belongs to no toRGB layer, 6048 at 1024 px, or for those up to
    128 px only, 5376; one of stylegan3-editing has a row for every channel. They have no statistics, so those given are
    used. Raises WeightError for a table of another generator (by its `fingerprint`, and those of its `family`) or CLIP,
    and for a file without a table.
    """
    with error_context(path):
        content = read_one(path, "relevance", "table", "latents")
        content.check()
        tensors = {name: read_tensor(tensor) for name, tensor in content.tensors.items()}
        if "relevance" in tensors or content.kind in ("table", "latents"):
            [rows] = tensors.values()
            return _published_table(rows, layout, clip, statistics)
        _check_complete(tensors)
        if "channels" in tensors:
            raise WeightError(_unfinished_message(content.about))
        check_provenance(content.about, tensors["probe"], clip, fingerprint, family=family)
        return _own_table(tensors, content.about, layout)


def find_relevance(
    layout: StyleLayout,
    clip: CLIP,
    record: Mapping[str, Any],
    chosen: str | Path | None,
    suitable: str | Path | None,
    statistics: str | Path | None,
    fetch: Fetch,
    generator: Weight | None = None,
    inherited: Callable[[], RelevanceTable | None] | None = None,
) -> RelevanceTable | None:
    """The table that was chosen, else the one that `styleclip prepare` made here, else the generator's `suitable`.

    `record` is that of the generator. One that was adapted and has no table takes the `inherited` one, where that is
    given, or else that of its parents. A published table is recognised by its bytes, with a WeightWarning where it
    belongs to another `generator`.
    """
    fingerprints = ancestry(record)[: 1 if inherited else None]
    prepared = next((path for each in fingerprints if (path := prepared_path(each, clip)).is_file()), None)
    if chosen is None and prepared:
        path = prepared
    elif chosen is None and inherited:
        return inherited()
    elif chosen or suitable:
        path = weight_file(str(chosen or suitable), "relevance", fetch)
    else:
        return None
    spread = load_statistics(statistics, layout) if statistics else None
    table = load_relevance(path, layout, clip, fingerprints[0], spread, family(record))
    if table.about.get("method") == "published":
        warn_of_other_generator(known_weight(path), generator)
    return table


def load_statistics(path: str | Path, layout: StyleLayout) -> StyleStatistics:
    """Mean and deviation of every channel from `S_mean_std`; raises WeightError for those of another generator."""
    with error_context(path):
        content = read_one(path, "statistics")
        content.check()
        mean, std = (read_tensor(content.tensors[name]) for name in ("mean", "std"))
        _check_channels(len(mean), layout)
        return StyleStatistics(mean, std)


def prepared_path(fingerprint: str, clip: CLIP) -> Path:
    """The path of the table of a generator and a CLIP: `styleclip prepare` writes it, the editors read it."""
    return home() / "relevance" / cache_name(fingerprint, clip)


def _check_complete(tensors: Mapping[str, Tensor]) -> None:
    """Raise WeightError unless all tensors are there, finite and of shapes that fit together."""
    rows = "R" if "channels" in tensors else "C"
    optional = {"channels?": "R", "effect?": rows, "error?": rows}
    shapes: dict[str, str] = {"mean": "C", "std": "C", "probe": "D", "delta_i": f"{rows}D", **optional}
    check_finite(tensors, REMEDY)
    check_shapes(tensors, shapes, REMEDY, whole=("channels",))
    check_deviations(tensors["std"], REMEDY)


def _own_table(tensors: Mapping[str, Tensor], about: Mapping[str, Any], layout: StyleLayout) -> RelevanceTable:
    delta_i, mean, std = (tensors[name] for name in ("delta_i", "mean", "std"))
    for table in (delta_i, mean, std):
        _check_channels(len(table), layout)
    return RelevanceTable(delta_i, StyleStatistics(mean, std), tensors.get("effect"), tensors.get("error"), about)


def _published_table(
    rows: Tensor, layout: StyleLayout, clip: CLIP, statistics: StyleStatistics | None
) -> RelevanceTable:
    if not is_matrix(rows.shape) or not is_unit(rows[:ROW_BATCH], lambda: rows):
        raise WeightError(
            f"it holds a table {list(rows.shape)}, whose rows do not have length 1; pass a table such as fs3.npy"
        )
    rows = check_real(rows).reshape(-1, rows.shape[-1])
    _check_width(rows, clip)
    convolutions = [entry for entry in layout.entries if not entry.is_torgb]
    counts = {
        sum(entry.channels for entry in convolutions): "all",
        sum(entry.channels for entry in convolutions if entry.resolution <= 128): "up to 128 px",
        layout.size: "toRGB's as well",
    }
    if len(rows) not in counts:
        expected = " or ".join(f"{count} ({which})" for count, which in counts.items())
        raise WeightError(
            f"it has {len(rows)} rows, this generator has {expected} style channels; "
            "pass the table of this generator or make one with `styleclip prepare --method exact`"
        )
    delta_i = torch.zeros(layout.size, rows.shape[1])
    channels = torch.arange(layout.size) if len(rows) == layout.size else (~layout.torgb_mask()).nonzero()[:, 0]
    delta_i[channels[: len(rows)]] = rows
    return RelevanceTable(delta_i, statistics, about={"method": "published"})


def _unfinished_message(about: Mapping[str, Any]) -> str:
    whole = about.get("shard") in (None, "1/1")
    part = "the part that an unfinished run has made" if whole else f"the shard {short_repr(about['shard'])}"
    remedy = "run the same `styleclip prepare` again" if whole else "join all with `styleclip prepare --merge`"
    return f"it is {part}, not a whole table; {remedy}"


def _check_width(rows: Tensor, clip: CLIP) -> None:
    width = len(probe(clip))
    if rows.shape[1] != width:
        raise WeightError(
            f"its rows have {rows.shape[1]} numbers, the features of the CLIP {clip.name} {width}; pass the CLIP that "
            "it was made for (StyleCLIP's tables: ViT-B-32-quickgelu/openai)"
        )


def _check_channels(count: int, layout: StyleLayout) -> None:
    if count != layout.size:
        raise WeightError(
            f"it has {count} style channels, this generator {layout.size}; pass the file of this generator"
        )
