"""The index of a pack in a folder: `index.json`, an object with the name of every direction and what is known of it.

`{"age": {"file": "age.safetensors", "range": [-3, 3], "licence": "MIT"}, ...}`. Only `file` is needed, a file in the
folder; with a text in place of the object it is that file.
"""

from __future__ import annotations

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
    """The records of an index by the names of the directions; `file` is an existing file in the folder.

    Raises WeightError for an index that is damaged or names a file outside of the folder or one that is not there.
    """
    with error_context(folder / INDEX, REMEDY):
        entries = parse_record(read_text(folder / INDEX), REMEDY)
        if not entries:
            raise WeightError(f"it names no direction; {REMEDY}")
        records = {}
        for name, entry in entries.items():
            record = {"file": entry} if isinstance(entry, str) else entry
            file = record.get("file") if isinstance(record, dict) else None
            if not isinstance(file, str) or Path(file).name != file or not (folder / file).is_file():
                raise WeightError(f"the file of {plain_line(name)[:60]} is {short_repr(file)}, none here; {REMEDY}")
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
    if key not in records:
        raise WeightError(f"{folder} has no direction {key!r}; the closest are {closest(key, names)}")
    return folder / records[key]["file"], None
