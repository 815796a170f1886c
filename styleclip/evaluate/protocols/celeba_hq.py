"""Folders of CelebA-HQ and the attributes of its pictures, from `CelebAMask-HQ-attribute-anno.txt`.

The first line of that file is the number of pictures, the second the names of 40 attributes; each line below is the
name of a picture, `0.jpg` on the first, and 1 or -1 for every attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from styleclip.errors import UsageError
from styleclip.text.text_files import read_text

ANNOTATION_NAME = "CelebAMask-HQ-attribute-anno.txt"
SUFFIXES = (".jpg", ".jpeg", ".png")
HEADER_LINES = 2


@dataclass(frozen=True)
class Annotation:
    """Which pictures have which attributes.

    Args:
        attributes: their names, e.g. "Eyeglasses".
        signs: number of a picture -> 1 or -1 for every attribute.
    """

    attributes: Sequence[str]
    signs: Mapping[int, Sequence[str]]

    def split(self, pictures: Mapping[int, Path], attribute: str) -> tuple[dict[int, Path], dict[int, Path]]:
        """The pictures with the attribute and those without, by their numbers.

        Raises UsageError for an unknown attribute, and for a picture that the file does not list.
        """
        if attribute not in self.attributes:
            raise UsageError(f"there is no attribute {attribute!r}; it is one of {', '.join(self.attributes)}")
        if unlisted := [path.name for number, path in pictures.items() if number not in self.signs]:
            raise UsageError(f"{ANNOTATION_NAME} does not list {unlisted[0]}; pass the whole file of CelebAMask-HQ")
        column = self.attributes.index(attribute)
        shown = {number for number in pictures if self.signs[number][column] == "1"}
        return (
            {number: path for number, path in pictures.items() if number in shown},
            {number: path for number, path in pictures.items() if number not in shown},
        )


def read_annotation(path: Path) -> Annotation:
    """The attributes in a file; raises UsageError for another file."""
    lines = [line.split() for line in read_text(path).splitlines()]
    attributes = lines[1] if len(lines) > HEADER_LINES else []
    signs = {}
    for number, words in enumerate(lines[HEADER_LINES:]):
        if not words:
            continue
        if len(words) != len(attributes) + 1 or picture_number(Path(words[0])) != number or {*words[1:]} - {"1", "-1"}:
            raise UsageError(f"{path}: line {number + HEADER_LINES + 1} is not that of picture {number}; {PASS_FILE}")
        signs[number] = words[1:]
    if not signs:
        raise UsageError(f"{path} lists no pictures and attributes; {PASS_FILE}")
    return Annotation(attributes, signs)


PASS_FILE = f"pass {ANNOTATION_NAME} of CelebAMask-HQ"


def annotation_file(folder: Path) -> Path:
    """The file of attributes in the folder of the pictures or in that around it; raises UsageError without one."""
    for place in (folder, folder.resolve().parent):
        if (place / ANNOTATION_NAME).is_file():
            return place / ANNOTATION_NAME
    raise UsageError(f"{ANNOTATION_NAME} is neither in {folder} nor beside it; pass it with --annotation FILE")


def numbered_pictures(folder: Path) -> dict[int, Path]:
    """The pictures of a folder by their numbers, sorted by name; raises UsageError where there are none."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = {number: path for path in paths if (number := picture_number(path)) is not None}
    if not found:
        raise UsageError(f"{folder} has no pictures with numbers as names, such as 0.jpg; pass those of CelebA-HQ")
    return found


def picture_number(path: Path) -> int | None:
    """The number that is the name of a picture, e.g. 17 for 17.jpg or 00017.png; None for other names."""
    return int(path.stem) if path.stem.isascii() and path.stem.isdigit() else None
