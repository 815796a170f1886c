"""The directions of files: of the library and the catalog by their names, and those of an uploaded file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.directions.foreign_files import catalog_generator
from styleclip.directions.library import DirectionFile, entry_path, library_folder, library_names, named_file
from styleclip.directions.loading import choose_direction, direction_name, read_direction, read_directions
from styleclip.errors import StyleClipError, WeightError
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.needs import Key, key_of
from styleclip.studio.states.state import LIMITS
from styleclip.weights.catalog import Weight, weights
from styleclip.weights.recognition import belongs_to
from styleclip.weights.weight_warnings import collect_weight_warnings

MAX_READ, MAX_READ_BYTES = 256, 2**26
MAX_FILES = 1024  # whose records are kept
CATALOG = "catalog"  # the group of its directions in the list
OTHER_GENERATOR, UNREADABLE, NOT_HERE = (
    "another generator",
    "not readable",
    "not downloaded",
)  # why a direction cannot be chosen, in short

FileDirection = StyleDirection | LatentDirection
Record = dict[str, str | None]


@dataclass(frozen=True, eq=False)
class ReadDirection:
    """A direction, and the sentences of what was assumed when it was read."""

    direction: FileDirection
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class FileDirections:
    """All directions of an uploaded file, and the sentences of what was assumed when it was read."""

    directions: Sequence[FileDirection]
    notes: Sequence[str] = ()

    @staticmethod
    def read(path: Path, models: Models) -> FileDirections:
        """Raises WeightError for a file without a direction, and for one of which none fits the generator."""
        with _collect_notes(path) as notes:
            found = FileDirections(tuple(read_directions(path, models)), notes)
        faults = [record["fault"] for record in found.records(models)]
        if all(faults):
            raise WeightError(f"{path}: {faults[0]}")
        return found

    def get(self, key: str) -> ReadDirection:
        """The only direction, or the one of this name. Raises WeightError that lists names."""
        named = {direction_name(each): each for each in self.directions}
        return ReadDirection(choose_direction(named, key if key and len(named) > 1 else None), self.notes)

    def records(self, models: Models) -> list[Record]:
        """Name, licence and faults of each, as JSON."""
        return [_record(direction_name(each), each, models) for each in self.directions]


class NamedDirections:
    """The directions of the library, and those of the catalog that are on this disk, read once while their files stay.

    A name is looked up among these names only: it is no path and no URL, and nothing is downloaded.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self._files: Cache[DirectionFile] = Cache(MAX_READ)
        self._read: Cache[ReadDirection | str] = Cache(MAX_READ, MAX_READ_BYTES)
        self._records: Cache[list[Record]] = Cache(MAX_FILES)

    def get(self, name: str) -> tuple[ReadDirection, Key]:
        """A direction, and a key of its file as it is now. Raises WeightError for an unknown name, and a bad file."""
        file = self._files.get_or_make((name, _version(library_folder())), lambda: named_file(name))
        version = _version(file.path)
        found = self._read.get_or_make((file, version), lambda: self._read_or_fault(file))
        if isinstance(found, str):
            raise WeightError(found)
        return found, key_of("direction", str(file.path), file.key, version)

    def records(self) -> list[Record]:
        """All directions as JSON, entries of the library with a single one first, then packs, then the catalog."""
        files = {name: entry_path(name) for name in library_names()}
        listed = [each for name, path in files.items() for each in self._records_of(name, path)]
        catalog = [
            each for weight in weights().values() if weight.kind == "direction" for each in self._catalog(weight)
        ]
        return sorted(listed, key=lambda each: each["pack"] or "") + [{**each, "pack": CATALOG} for each in catalog]

    def _catalog(self, weight: Weight) -> list[Record]:
        """The record of a direction of the catalog, on this disk or not; none where it is another generator's."""
        if weight.on_disk:
            return self._records_of(weight.name, weight.on_disk)
        if not belongs_to(weight, catalog_generator(self.models)):
            return []
        remedy = f"{weight.name} is not on this disk; run `styleclip models pull {weight.name}`"
        return [_entry(weight.name, weight.licence) | {"fault": remedy, "reason": NOT_HERE}]

    def _records_of(self, name: str, path: Path) -> list[Record]:
        """The records of a file; one with a fault where it cannot be read."""
        return self._records.get_or_make((path, _version(path)), lambda: self._read_records(name, path))

    def _read_records(self, name: str, path: Path) -> list[Record]:
        try:
            with _collect_notes(path):
                found = read_directions(path, self.models)
        except StyleClipError as error:
            return [_faulty(name, _without_folder(error, path))]
        if len(found) == 1:
            return [_record(name, found[0], self.models)]
        records = [_record(direction_name(each), each, self.models) for each in found]
        return [{**record, "name": f"{name}:{record['title']}", "pack": name} for record in records]

    def _read_or_fault(self, file: DirectionFile) -> ReadDirection | str:
        """The direction, or the sentence of its fault."""
        try:
            with _collect_notes(file.path) as notes:
                return ReadDirection(read_direction(file, self.models), notes)
        except StyleClipError as error:
            return _without_folder(error, file.path)


def direction_facts(read: ReadDirection) -> dict[str, Any]:
    """What a file tells of its direction, for the page, and warnings, also where it does not tell the generator."""
    direction, notes = read.direction, list(read.notes)
    facts: dict[str, Any] = {"unit": direction.unit, "unit_of": direction.unit_of} if direction.unit else {}
    if isinstance(direction, LatentDirection):
        facts |= {"space": direction.space.value, "layers": direction.layers, "absolute": direction.center is not None}
        facts |= {"licence": direction.licence, "source": direction.origin.get("source")}
        if direction.generator is None and not notes:
            notes.append("its file does not tell the generator; where it spoils faces, it belongs to another one")
    return facts | ({"warning": "; ".join(notes)} if notes else {})


def own_strength(direction: FileDirection) -> float | None:
    """The strength that a row of this direction starts with: its alpha, or one unit; None for "auto" of a text."""
    if isinstance(direction, LatentDirection) and direction.unit and direction.alpha in (1, direction.unit):
        low, high = direction.range or (-direction.unit, direction.unit)
        strength = min(max(float(f"{direction.unit:.2g}"), low), high)
    elif direction.alpha == "auto":
        return None
    else:
        strength = float(direction.alpha)
    return min(max(strength, -LIMITS["strength"]), LIMITS["strength"])


@contextmanager
def _collect_notes(path: Path) -> Iterator[list[str]]:
    """Within, warnings of the file are collected, without its name in front, instead of issued."""
    notes: list[str] = []
    with collect_weight_warnings() as sentences:
        yield notes
    notes += [sentence.removeprefix(f"{path.name}: ") for sentence in sentences]


def _record(name: str, direction: FileDirection, models: Models) -> Record:
    if isinstance(direction, StyleDirection):
        return _entry(name)
    entry = _entry(name, direction.licence)
    try:
        direction.check_fits(models)
    except WeightError as error:
        return entry | {"fault": str(error), "reason": OTHER_GENERATOR}
    return entry


def _faulty(name: str, fault: str) -> Record:
    """The record of an entry that cannot be read."""
    return _entry(name) | {"fault": fault, "reason": OTHER_GENERATOR if OTHER_GENERATOR in fault else UNREADABLE}


def _entry(name: str, licence: str = "") -> Record:
    """The record of a direction that can be chosen; `fault` and `reason` say why another one cannot."""
    return {"name": name, "title": name, "pack": None, "licence": licence or None, "fault": None, "reason": None}


def _version(path: Path) -> tuple[int, ...]:
    """Equal for equal states of a file or folder."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _without_folder(error: StyleClipError, path: Path) -> str:
    """The sentence of an error that names the file alone."""
    return str(error).replace(str(path), path.name)
