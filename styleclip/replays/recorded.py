"""The record of a result, from its result.json or from one of its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from styleclip.errors import UsageError
from styleclip.images import MAX_RECORD_CHARS, lift_pillow_limits, pixels_sha256, read_record
from styleclip.storage.recording import PICTURE, PICTURES

RESULT = "result.json"
ENTRIES = (RESULT, "photo.png", "sheet.png", "grid.png")  # of a folder, the first that is there
REMEDY = "pass a result.json, its folder or a PNG that styleclip saved"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A record, and the hashes of the pictures that it tells how to make.

    Args:
        path: the file of the record.
        record: its content.
        pictures: the hash of the pixels (`images.pixels_sha256`) by the name of the picture.
    """

    path: Path
    record: Record
    pictures: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """The folder that the paths of the record begin at."""
        return self.path.parent


def read_recorded(path: Path | str) -> Recorded:
    """The record of a result.json, of the folder of a result, or of a PNG; raises UsageError for all else.

    A PNG names files without their paths; where the result.json of the same result lies beside it, the paths are read
    from there.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in ENTRIES if (path / name).is_file()]
        if not found:
            raise UsageError(f"{path} holds no result; {REMEDY}")
        path = found[0]
    if not path.is_file():
        raise UsageError(f"there is no file {path}; {REMEDY}")
    if path.suffix == ".json":
        record = read_json(path)
        return Recorded(path, record, _pictures_of(record, path.parent))
    record = read_record(path)
    name = str(record.get(PICTURE, path.name))
    return Recorded(path, _record_beside(path, record), {name: _pixels_of(path)})


def read_json(path: Path) -> dict[str, Any]:
    """The record in a file of JSON; raises UsageError where there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_RECORD_CHARS + 1)
        record = json.loads(text) if len(text) <= MAX_RECORD_CHARS else None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON; {REMEDY}") from error
    if not isinstance(record, dict):
        raise UsageError(f"{path} holds no record of a result; {REMEDY}")
    return record


def bare_name(recorded: str) -> str:
    """The name of a file in a record, which may be a path from either kind of system."""
    return PurePosixPath(recorded.replace("\\", "/")).name


def _pictures_of(record: Record, folder: Path) -> dict[str, str]:
    """The hashes in a result.json; of a result without any those of the pictures beside it."""
    known = record.get(PICTURES)
    if isinstance(known, dict):
        return {str(name): str(sha256) for name, sha256 in known.items()}
    return {path.name: _pixels_of(path) for path in sorted(folder.glob("*.png")) if _is_of(path, record)}


def _is_of(picture: Path, record: Record) -> bool:
    try:
        return _is_same_result(read_record(picture), record)
    except UsageError:
        return False


def _record_beside(path: Path, record: Record) -> Record:
    """The record in the result.json beside a picture, if it is of the same result; else that of the picture."""
    beside = path.with_name(RESULT)
    try:
        found = read_json(beside) if beside.is_file() else {}
    except UsageError:
        return record
    return {**found, PICTURE: record.get(PICTURE)} if _is_same_result(record, found) else record


def _is_same_result(one: Record, other: Record) -> bool:
    """Whether two records are of one result: the time it took and all scores are equal."""
    keys = ("method", "seconds", "scores", "stages")
    return [one.get(key) for key in keys] == [other.get(key) for key in keys] and "scores" in one


def _pixels_of(path: Path) -> str:
    try:
        with lift_pillow_limits(), Image.open(path) as picture:
            return pixels_sha256(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise UsageError(f"{path} cannot be read as a picture; {REMEDY}") from error
