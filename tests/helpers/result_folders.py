"""A folder of made-up results: what is in it, and a result that replaces an earlier one."""

from __future__ import annotations

from pathlib import Path

from styleclip.storage.files import atomic_write
from styleclip.storage.result_folder import ResultFolder

PATTERNS, MORE = ("result.json", "a*.png", "face_[0-9]*/after.png"), ("frames/*.png",)

NEW = {"result.json": b"new", "a1.png": b"new", "face_1/after.png": b"new", "grid.png": b"new"}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        atomic_write(folder / name, content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def replace(folder: Path) -> None:
    with ResultFolder(folder, PATTERNS, True, MORE) as output:
        write(output.place, NEW)
