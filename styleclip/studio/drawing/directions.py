"""The directions of files: of the library and the catalog by their names, and those of an uploaded file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.directions.foreign_files import catalog_generator
from styleclip.directions.library import DirectionFile, library_folder, named_file
from styleclip.directions.listing import ListedDirection, list_catalog, list_library
from styleclip.directions.loading import (
    IMPORTED_FOR,
    choose_direction,
    direction_name,
    read_direction,
    read_directions,
)
from styleclip.errors import StyleClipError, WeightError, WeightWarning
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.runtime.warnings_of_thread import collect_warnings
from styleclip.studio.caches import Cache
from styleclip.studio.drawing.needs import Key, key_of
from styleclip.studio.states.state import LIMITS
from styleclip.weights.catalog import weights
from styleclip.weights.recognition import belongs_to

MAX_READ, MAX_READ_BYTES = 256, 2**26
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
        return [_uploaded_record(each, models) for each in self.directions]


class NamedDirections:
    """The directions of the library, and those of the catalog that are on this disk, read once while their files stay.

    A name is looked up among these names only: it is no path and no URL, and nothing is downloaded.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self._files: Cache[DirectionFile] = Cache(MAX_READ)
        self._read: Cache[ReadDirection | str] = Cache(MAX_READ, MAX_READ_BYTES)

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
        library = sorted((self._library_record(each) for each in list_library()), key=lambda each: each["pack"] or "")
        return library + [record for each in list_catalog() if (record := self._catalog_record(each))]

    def _library_record(self, listed: ListedDirection) -> Record:
        pack, colon, title = listed.name.partition(":")
        record = _entry(listed.name, listed.licence) | ({"title": title, "pack": pack} if colon else {})
        if listed.problem:
            return record | _fault(listed.problem.replace(str(listed.path), listed.path.name), UNREADABLE)
        is_ours = listed.fingerprint is None or self.models.accepts_w(listed.fingerprint)
        return record if is_ours else record | _fault_of_generator(listed)

    def _catalog_record(self, listed: ListedDirection) -> Record | None:
        """The record of a direction of the catalog; None for one of another generator that is not on this disk."""
        is_ours = belongs_to(weights()[listed.name], catalog_generator(self.models))
        record = _entry(listed.name, listed.licence) | {"pack": CATALOG}
        if listed.present:
            return record | _fault_of_generator(listed) if is_ours is False else record
        remedy = f"{listed.name} is not on this disk; run `styleclip models pull {listed.name}`"
        return record | _fault(remedy, NOT_HERE) if is_ours else None

    def _read_or_fault(self, file: DirectionFile) -> ReadDirection | str:
        """The direction, or the sentence of its fault."""
        try:
            with _collect_notes(file.path) as notes:
                return ReadDirection(read_direction(file, self.models), notes)
        except StyleClipError as error:
            return _without_folder(error, file.path)


def direction_facts(read: ReadDirection, models: Models) -> dict[str, Any]:
    """What a file tells of its direction, for the page, and warnings, also where it does not tell the generator."""
    direction, notes = read.direction, list(read.notes)
    facts: dict[str, Any] = {"unit": direction.unit, "unit_of": direction.unit_of} if direction.unit else {}
    if isinstance(direction, LatentDirection):
        facts |= {"space": direction.space.value, "layers": direction.layers, "absolute": direction.center is not None}
        facts |= {"licence": direction.licence, "source": direction.origin.get("source")}
        imported_for = direction.origin.get(IMPORTED_FOR)
        is_told = direction.generator or (imported_for and models.accepts_w(imported_for))
        if not is_told and not notes:
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
    with collect_warnings(WeightWarning) as sentences:
        yield notes
    notes += [sentence.removeprefix(f"{path.name}: ") for sentence in sentences]


def _entry(name: str, licence: str = "") -> Record:
    """The record of a direction that can be chosen."""
    return {"name": name, "title": name, "pack": None, "licence": licence or None, **_fault(None, None)}


def _fault(fault: str | None, reason: str | None) -> Record:
    """Why a direction cannot be chosen, in a sentence and in short."""
    return {"fault": fault, "reason": reason}


def _fault_of_generator(listed: ListedDirection) -> Record:
    generator = listed.generator or "another generator"
    fault = f"{listed.name} was made for {generator}; start the studio with that one as --model"
    return _fault(fault, f"for {generator}")


def _uploaded_record(direction: FileDirection, models: Models) -> Record:
    name = direction_name(direction)
    if isinstance(direction, StyleDirection):
        return _entry(name)
    try:
        direction.check_fits(models, name)
    except WeightError as error:
        return _entry(name, direction.licence) | _fault(str(error), OTHER_GENERATOR)
    return _entry(name, direction.licence)


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
