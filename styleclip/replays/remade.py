"""A result that was made again: its pictures, its record, and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image

from styleclip.images import png_bytes
from styleclip.storage.files import atomic_write
from styleclip.storage.recording import DEFAULT_RECORDING

Save = Callable[[Path, bool], list[Path]]  # (folder, overwrite) -> the files


@dataclass(frozen=True)
class Remade:
    """A result that was made again.

    Args:
        record: as its result.json has it.
        pictures: its pictures by name.
        save: writes its files.
    """

    record: Mapping[str, Any]
    pictures: Mapping[str, Image]
    save: Save


def pictures_alone(record: Mapping[str, Any], pictures: Mapping[str, Image]) -> Remade:
    """A result of pictures that carry the record, such as sheets and samples."""

    def save(folder: Path, overwrite: bool) -> list[Path]:
        return [
            atomic_write(folder / name, png_bytes(picture, DEFAULT_RECORDING.of_picture(record, name)))
            for name, picture in pictures.items()
        ]

    return Remade(record, pictures, save)
