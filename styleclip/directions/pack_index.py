"""The index of a pack in a folder: `index.json`, an object with the name of every direction and what is known of it.

`{"age": {"file": "age.safetensors", "range": [-3, 3], "licence": "MIT"}, ...}`. Only `file` is needed, a file in the
folder; with a text in place of the object it is that file.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.text.text_files import read_text
from styleclip.weights.catalog import closest
from styleclip.weights.formats.messages import error_context, plain_line, short_repr
from styleclip.weights.formats.own_checks import parse_record

INDEX = "index.json"
REMEDY = "write it again with `styleclip direction pack`"


def read_index(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of the index of a folder, whose files are all there. Raises WeightError as `parse_index`."""
    records = parse_index(folder / INDEX)
    for name, record in records.items():
        if not (folder / record["file"]).is_file():
            raise WeightError(f"{folder / INDEX}: {_no_file(name, record['file'])}")
    return records


def parse_index(path: Path) -> dict[str, dict[str, Any]]:
    """The records of an index by the names of the directions, each with the name of its `file`.

    Raises WeightError for an index that is damaged, and for a file that would lie outside of its folder.
    """
    with error_context(path, REMEDY):
        entries = parse_record(read_text(path), REMEDY, "the index")
        if not entries:
            raise WeightError(f"it names no direction; {REMEDY}")
        records = {}
        for name, entry in entries.items():
            record = {"file": entry} if isinstance(entry, str) else entry
            file = record.get("file") if isinstance(record, dict) else None
            if file is None:
                raise WeightError(f"it names no file for {plain_line(name)[:60]}; {REMEDY}")
            if not isinstance(file, str) or Path(file).name != file:
                raise WeightError(_no_file(name, file))
            records[name] = {**record, "file": file}
    return records


def pack_file(folder: Path, key: str | None) -> tuple[Path, str | None]:
    """The file of a direction of a pack in a folder, and its name in there: None for the only one of the file.

    Raises WeightError for an unknown name, and without one for a pack of several.
    """
    records = read_index(folder)
    names = list(records)
    if key is None and len(names) == 1:
        [key] = names
    if key is None:
        raise WeightError(f"{folder} holds {len(names)} directions; pass one as FOLDER:NAME, e.g. {folder}:{names[0]}")
    check_key(str(folder), key, records)
    return folder / records[key]["file"], None


def check_key(pack: str, key: str, records: Collection[str]) -> None:
    """Raise WeightError, with the closest names, for a name that a pack does not have."""
    if key not in records:
        raise WeightError(f"{pack} has no direction {key!r}; the closest are {closest(key, records)}")


def _no_file(name: str, file: object) -> str:
    return f"the file of {plain_line(name)[:60]} is {short_repr(file)}, none here; {REMEDY}"
