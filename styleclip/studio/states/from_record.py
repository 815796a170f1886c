"""The state that makes the picture of a command again, from the record in its PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from styleclip.directions.library import library_names, named_file
from styleclip.directions.own_files import read_latent_directions
from styleclip.errors import UsageError
from styleclip.networks.transform import RECORDED
from styleclip.replays.prompts import given_neutrals
from styleclip.studio.states.read_state import read_state
from styleclip.studio.states.state import VERSION, State
from styleclip.weights.catalog import weights
from styleclip.weights.file_state import sha256_of
from styleclip.weights.lineage import PARENT

REMEDY = "type its text as a row instead"
Record = Mapping[str, Any]


def state_of_record(record: Record) -> State:
    """The face and the rows of a picture that `sample`, `sliders`, `global-dir`, `map` or `optimize` drew from a seed.

    Each of the edits of `global-dir` becomes a row. A row that a record does not tell whole has a fault.
    Raises UsageError for other records, and for a record of several seeds.
    """
    try:
        provenance = record if record.get("command") == "sample" else record["provenance"]
        place = {name: provenance[name] for name in RECORDED if name in provenance}
        value = {"version": VERSION, **_model(provenance["generator"]), **place, "face": _face(record)}
        rows = [] if record.get("command") == "sample" else _rows(record, value["face"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UsageError("the record of the picture tells no edit of a seed; drop one that the studio saved") from error
    return read_state({**value, "rows": [{"id": f"r{i}", "on": True, **row} for i, row in enumerate(rows, start=1)]})


def _model(generator: Record) -> dict[str, Any]:
    """The fingerprint of the generator, and the child that drew, as JSON of the state."""
    if PARENT not in generator:
        return {"model": generator.get("network")}
    child = {name: generator[name] for name in ("sha256", "amount", "parent_layers")}
    return {"model": generator[PARENT]["network"], "child": {"name": PurePosixPath(generator["name"]).stem, **child}}


def _face(record: Record) -> dict[str, Any]:
    """The sample of a record, as JSON of the state."""
    if record.get("command") == "sample":
        seeds, psi = [record["seed"]] if "seed" in record else list(record["seeds"]), record["psi"]
    else:
        source = record["provenance"]["source"]
        if "image" in source or "latent" in source:
            raise UsageError("the picture was made from a photo or a file of latents; drop that, and add the sliders")
        seeds, psi = list(source["seeds"]), source.get("psi", 1.0)
    if len(seeds) != 1:
        raise UsageError(f"the record has {len(seeds)} seeds and not which this is; draw it again with --seed alone")
    return {"seed": seeds[0], "psi": psi}


def _rows(record: Record, face: Record) -> list[dict[str, Any]]:
    """The rows of an edit, as JSON of the state."""
    method, settings = record["method"], record["settings"]
    if method == "optimize":
        texts = {"prompt": record["prompt"], "neutral": _neutral(record["neutral"], record["provenance"])}
        return [{"kind": "optimize", "strength": 1.0, "face": face, **texts, **_force(record)}]
    if method == "mapper":
        return [{"strength": settings["strength"], **_file_row("mapper", record["provenance"]["mapper"])}]
    directions = record["provenance"]["directions"]
    if method == "sliders":
        return [_slider_row(each, told) for each, told in zip(settings["sliders"], directions, strict=True)]
    if method == "global-dir":
        edits = settings.get("edits", [settings])
        pairs = [
            ({**told, **each, "strength": each["alpha"]}, told) for each, told in zip(edits, directions, strict=True)
        ]
        return [_slider_row(*pair) for pair in pairs]
    raise UsageError(f"the picture was made by {str(method)[:40]!r}, which is no row of the studio; {REMEDY}")


def _slider_row(settings: Record, details: Record) -> dict[str, Any]:
    """A slider: a text, a direction file, a mapper or the result of an edit."""
    if "beta" in settings:
        return _direction_row({**settings, "alpha": settings["strength"]}, details)
    if "space" in settings:  # a direction in W, W+ or S
        return {"strength": settings["strength"], **_file_row("direction", settings, settings["name"])}
    kind = "mapper" if "mapper_strength" in settings else "result"
    return {"strength": settings["strength"], **_file_row(kind, settings)}


def _direction_row(settings: Record, details: Record) -> dict[str, Any]:
    """A direction of texts, or from a file; `alpha` of one image is what "auto" came to."""
    alpha = details["alpha"][0] if settings["alpha"] == "auto" else settings["alpha"]
    relevance = details["relevance"]
    if relevance.get("source") == "file":
        return {"strength": alpha, **_file_row("direction", relevance)}
    return {
        "kind": "text",
        "strength": alpha,
        "prompt": details["target"],
        "neutral": _neutral(details["neutral"], {"directions": [details]}),
        **_force(details),
        "relevance": settings["relevance"],
        "beta": details["beta"] or None,
    }


def _file_row(kind: str, origin: Record, key: str = "") -> dict[str, Any]:
    """A row of a file: one of the library or the catalog by its name, others by name and hash.

    `key` is the name of the direction in the file.
    """
    file, sha256 = origin["file"], origin["sha256"]
    name = _library_name(file, sha256, key) if kind == "direction" else None
    name = name or (None if kind == "result" else _catalog_name(kind, file, sha256))
    if name:
        return {"kind": kind, "name": name}
    return {"kind": kind, "name": file, "sha256": sha256, **({"key": key} if key else {})}


def _library_name(file: str, sha256: str, key: str) -> str | None:
    """The name of the direction of the library in the file with this name and hash."""
    entry = PurePosixPath(file).stem
    if entry not in library_names():
        return None
    path, _ = named_file(entry)
    if path.name != file or sha256_of(path) != sha256:
        return None
    return f"{entry}:{key}" if key and len(read_latent_directions(path)) > 1 else entry


def _catalog_name(kind: str, file: str, sha256: str) -> str | None:
    """The name in the catalog of the file of this kind with this name and hash, of those on this disk."""
    for name, weight in weights().items():
        path = weight.on_disk if weight.kind == kind else None
        if path is not None and path.name == file and sha256_of(path) == sha256:
            return name
    return None


def _force(record: Record) -> dict[str, Any]:
    """Whether the prompt of a record was forced."""
    return {name: record[name] for name in ("force",) if name in record}


def _neutral(recorded: str | Sequence[str], provenance: Record) -> list[str]:
    """The neutral texts that were given."""
    found = (claim for details in provenance.get("directions") or () for claim in details.get("claims") or ())
    return given_neutrals(recorded, list(found))
