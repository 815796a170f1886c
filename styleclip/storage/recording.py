"""What the files of a result tell of the files it was made from: names and hashes, and paths only on request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleclip.storage.temporaries import final_path

PICTURE, PICTURES = "picture", "pictures"  # keys of records


class InputFile(str):
    """The name of a file that a result was made from, as text of a record; `path` is where it lies."""

    path: Path

    def __new__(cls, path: Path | str) -> InputFile:
        made = super().__new__(cls, Path(path).name)
        made.path = Path(os.path.abspath(path))
        return made


@dataclass(frozen=True)
class Recording:
    """What pictures and `result.json` say of how they were made.

    Args:
        metadata: whether pictures carry their record, with the names of files but no paths.
        paths: whether `result.json` has absolute paths; else they are relative to it.

    Example:
        result.save("red_hair", recording=Recording(metadata=False))
    """

    metadata: bool = True
    paths: bool = False

    def of_picture(self, record: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
        """The record that the picture of this name carries, with the name as `picture`."""
        return {**record, PICTURE: name} if self.metadata else None

    def of_json(
        self, record: Mapping[str, Any], folder: Path, pictures: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The record for a `result.json` in `folder`: every `InputFile` as a path.

        `pictures` are the hashes of the pixels of its pictures, by name.
        """
        located: dict[str, Any] = self._locate(record, folder)
        return {**located, PICTURES: dict(pictures)} if pictures else located

    def _locate(self, value: Any, folder: Path) -> Any:
        if isinstance(value, InputFile):
            return str(value.path) if self.paths else relative_path(value.path, folder)
        if isinstance(value, Mapping):
            return {key: self._locate(each, folder) for key, each in value.items()}
        return [self._locate(each, folder) for each in value] if isinstance(value, list | tuple) else value


DEFAULT_RECORDING = Recording()


def relative_path(path: Path, folder: Path) -> str:
    """The path from `folder` to a file, with forward slashes.

    The name alone where the path would begin at the root of the disk, or have the home of the user in it.
    """
    home = Path(os.path.expanduser("~"))
    real, start = Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(final_path(folder)))
    try:
        common, relative = Path(os.path.commonpath([real, start])), Path(os.path.relpath(real, start))
    except ValueError:  # on different drives
        return path.name
    enters_home = real.is_relative_to(home) and not common.is_relative_to(home)
    if common == Path(common.anchor) or enters_home or (home.name and home.name in relative.parts):
        return path.name
    return relative.as_posix()
