"""What the library and the catalog have, without loading models or numbers: a record for every direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.directions.library import check_entry, entry_path, library_names
from styleclip.directions.pack_index import check_key
from styleclip.directions.records import read_range, read_unit
from styleclip.errors import StyleClipError, WeightError
from styleclip.weights.catalog import weights
from styleclip.weights.formats.messages import plain_line
from styleclip.weights.lineage import model_names
from styleclip.weights.own_headers import read_record

REMEDY = "import or make it again, or remove it with `styleclip direction remove`"
MAX_CHARS = 200  # of a text in a record


@dataclass(frozen=True)
class ListedDirection:
    """A direction of the library or of the catalog.

    Args:
        name: what `--direction` takes: NAME, or PACK:NAME.
        source: where it comes from, in a few words.
        space: w, w+ or s; None where only the file, which is not read, would tell.
        layers: the rows of W+ that move; "" for all.
        absolute: whether alpha is a coordinate to move to.
        unit: the alpha of the same amount of change; None where not measured.
        range: the lowest and highest useful alpha.
        generator: the model or the generator of the catalog that it belongs to; None where that is not known.
        fingerprint: of that generator.
        imported_for: where it is not known, the model or the fingerprint of the generator in use at the import.
        path: its file, which may not be here yet.
        present: whether the file is on this disk.
        problem: why its file cannot be used.
    """

    name: str
    source: str = ""
    space: str | None = None
    layers: str = ""
    absolute: bool = False
    unit: float | None = None
    unit_of: str = "identity"
    range: tuple[float, float] | None = None
    generator: str | None = None
    fingerprint: str | None = None
    imported_for: str | None = None
    licence: str = ""
    path: Path = Path()
    present: bool = True
    problem: str = ""


def list_library() -> list[ListedDirection]:
    """Every direction of the library, sorted by the names of the entries; a damaged file is one with a `problem`."""
    found: list[ListedDirection] = []
    for name in library_names():
        path = entry_path(name)
        try:
            found += _listed(name, path, read_record(path, "direction", REMEDY))
        except (StyleClipError, OSError) as error:
            found.append(ListedDirection(name, path=path, problem=str(error)))
    return found


def list_catalog() -> list[ListedDirection]:
    """The directions of the catalog, whether their files are here or not."""
    return [
        ListedDirection(
            each.name,
            source=each.what,
            range=each.range,
            generator=each.generator,
            licence=each.licence,
            path=each.on_disk or each.path,
            present=each.on_disk is not None,
        )
        for each in weights().values()
        if each.kind == "direction"
    ]


def check_removable(name: str) -> None:
    """Raise WeightError for the NAME or PACK:NAME of what the library does not have, or of a damaged pack."""
    pack, colon, key = name.partition(":")
    check_entry(pack)
    if colon:
        records = read_record(entry_path(pack), "direction", REMEDY).get("directions")
        names = [_text(each, "name") for each in records or () if isinstance(each, dict)]
        check_key(pack, key, names)


def _listed(name: str, path: Path, about: Mapping[str, Any]) -> Iterator[ListedDirection]:
    """The directions of a file by its record: those of `directions`, or the one of a text."""
    records = about.get("directions")
    if not isinstance(records, list):
        yield _from_record(name, path, {"space": "s", **about})
        return
    if not records:
        raise WeightError(f"it has no list of directions; {REMEDY}")
    for record in records:
        if isinstance(record, dict):
            title = name if len(records) == 1 else f"{name}:{_text(record, 'name')}"
            yield _from_record(title, path, record)


def _from_record(name: str, path: Path, record: Mapping[str, Any]) -> ListedDirection:
    fingerprint = _text(record, "generator") or None
    imported_for = "" if fingerprint else _text(_origin(record), "imported_for")
    try:
        unit, span, problem = read_unit(record), read_range(record), ""
    except WeightError as error:
        unit, span, problem = {}, None, str(error)
    return ListedDirection(
        name,
        source=_source(record),
        space=_text(record, "space") or None,
        layers=_text(record, "layers"),
        absolute=bool(record.get("absolute")),
        **unit,
        range=span,
        generator=model_names().get(fingerprint or "") or _text(_origin(record), "for") or None,
        fingerprint=fingerprint,
        imported_for=model_names().get(imported_for, imported_for) or None,
        licence=_text(record, "licence"),
        path=path,
        problem=problem,
    )


def _source(record: Mapping[str, Any]) -> str:
    """Such as `SeFa`, `age.pt`, `hub me/faces/age.pt`, or the text that it was found for."""
    origin = _origin(record)
    names = (_text(origin, key) for key in ("catalog", "hub", "source_file"))
    made = _text(origin, "source")
    file = next(filter(None, names), "")
    words = " ".join(filter(None, (made if made != "file" else "", file)))
    target = _text(record, "target")
    return words or (f'"{target}"' if target else "")


def _origin(record: Mapping[str, Any]) -> Mapping[str, Any]:
    origin = record.get("origin")
    return origin if isinstance(origin, dict) else {}


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return plain_line(value)[:MAX_CHARS] if isinstance(value, str) else ""
