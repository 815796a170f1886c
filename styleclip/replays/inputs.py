"""The files that a result was made from, found by their names and hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.directions.library import SUFFIX, library_folder
from styleclip.errors import UsageError
from styleclip.replays.recorded import bare_name, read_json
from styleclip.weights.catalog import weights
from styleclip.weights.file_state import sha256_of

RECORDS = ("result.json", "*/result.json", "*/*/result.json")
PARENTS = 2  # folders above that of the record in which a file is looked for


@dataclass(frozen=True)
class Inputs:
    """Where files are looked for.

    Args:
        folder: of the record, where its paths begin.
        given: files, and folders of files, that the user names; a file is known by its hash, whatever its name.
    """

    folder: Path
    given: Sequence[Path] = ()

    def find(self, recorded: str | None, sha256: str | None = None, what: str = "file") -> Path:
        """The file with this hash, or, where none was recorded, with this name or path.

        Files that the user gave come first, then the path of the record, the folder of the record and those above, the
        working folder, the library of directions, and the weights of the catalog that are on this disk. Raises
        UsageError with the name and the hash of a file that is nowhere.
        """
        if not recorded and not sha256:
            raise UsageError(f"the {what} that this was made from was no file; it cannot be made again")
        name = bare_name(recorded or "")
        others = False
        for path in self._candidates(str(recorded or ""), name, sha256):
            if path.is_file() and (sha256 is None or sha256_of(path) == sha256):
                return path
            others |= path.name == name and path.is_file()
        told = f" (sha256 {sha256[:12]}...)" if sha256 else ""
        reason = "only files of this name with other bytes were found" if others else f"it is not near {self.folder}"
        raise UsageError(f"the {what} {name}{told} is needed, and {reason}; pass it with --input FILE")

    def _candidates(self, recorded: str, name: str, sha256: str | None) -> Iterator[Path]:
        for given in self.given:
            if given.is_dir():
                yield given / name
            elif sha256 is not None or given.name == name:
                yield given
        yield self.folder / recorded
        yield from self._told_beside(name)
        folder = self.folder.absolute()
        yield from (place / name for place in (folder, *folder.parents[:PARENTS], Path.cwd()))
        yield library_folder() / name
        if name.endswith(SUFFIX):
            yield from self._in_catalog(name)

    def _told_beside(self, name: str) -> Iterator[Path]:
        """The files of this name by their paths in the records of this folder and of those in it.

        A PNG names its files without their paths.
        """
        for depth in RECORDS:
            for path in sorted(self.folder.glob(depth)):
                for told in _texts(_read(path)):
                    if bare_name(told) == name:
                        yield path.parent / told

    def _in_catalog(self, name: str) -> Iterator[Path]:
        """Weights of the catalog on this disk whose file has this name."""
        for weight in weights().values():
            path = weight.on_disk
            if path is not None and path.name == name:
                yield path


def _read(path: Path) -> Any:
    """The content of a record; None where it cannot be read."""
    try:
        return read_json(path)
    except UsageError:
        return None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
