"""The file of dlib's 68-point shape predictor, unpacked once; any other file is a WeightError with its remedy."""

from __future__ import annotations

import bz2
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.files import atomic_path

POINTS = 68
VERSION = 1  # of dlib's serialised shape_predictor
CHUNK = 1 << 20
MAX_BYTES = 1 << 30  # the published file unpacks to 100 MB
REMEDY = "run `styleclip models pull landmarks-68` or use --landmarks mtcnn"


def import_dlib() -> ModuleType:
    """The package dlib; raises UsageError where it is not installed."""
    try:
        import dlib
    except ImportError as error:
        raise UsageError("dlib is not installed; run `pip install dlib-bin` or use --landmarks mtcnn") from error
    return dlib


def load_predictor(path: Path) -> Any:
    """The `dlib.shape_predictor` in a .dat or .dat.bz2 file. Raises WeightError for other files."""
    path = Path(path)
    if not path.is_file():
        raise WeightError(f"there is no file {path}; {REMEDY}")
    file = unpack(path) if path.suffix == ".bz2" else path
    count = count_points(file)
    if count != POINTS:
        raise WeightError(f"{file} is a predictor of {count} landmarks instead of {POINTS}; {REMEDY}")
    try:
        return import_dlib().shape_predictor(str(file))
    except (RuntimeError, MemoryError) as error:
        raise WeightError(f"{file} is damaged or cut off; {REMEDY}") from error


def unpack(path: Path) -> Path:
    """The unpacked file beside a .bz2, written unless it is there. Raises WeightError where it cannot be written."""
    target = path.with_suffix("")
    if target.is_file():
        return target
    try:
        with bz2.open(path) as packed, atomic_path(target) as temporary, open(temporary, "wb") as out:
            _copy(packed, out, path)
    except OutputError as error:
        raise WeightError(f"{path} cannot be unpacked beside itself; copy it into a folder of yours") from error
    return target


def count_points(path: Path) -> int:
    """The number of landmarks of a predictor, from the header of its file. Raises WeightError for other files.

    The header is three of dlib's integers: the version, then minus the rows and minus the columns of the mean shape,
    which is a matrix [2 points, 1].
    """
    try:
        with open(path, "rb") as file:
            version, rows, columns = (_integer(file) for _ in range(3))
    except OSError as error:
        raise WeightError(f"cannot read {path}: {error.strerror}; {REMEDY}") from error
    if version != VERSION or columns != -1 or rows >= 0 or rows % 2:
        raise WeightError(f"{path} is not a shape predictor of dlib; {REMEDY}")
    return -rows // 2


def _copy(packed: IO[bytes], out: IO[bytes], path: Path) -> None:
    """Unpack in chunks. Errors of reading are WeightErrors; those of writing are left to `atomic_path`."""
    total = 0
    while chunk := _read(packed, path):
        total += len(chunk)
        if total > MAX_BYTES:
            raise WeightError(f"{path} unpacks to more than {MAX_BYTES >> 20} MB; {REMEDY}")
        out.write(chunk)


def _read(packed: IO[bytes], path: Path) -> bytes:
    try:
        return packed.read(CHUNK)
    except (OSError, EOFError, ValueError) as error:
        raise WeightError(f"{path} is damaged or cut off; {REMEDY}") from error


def _integer(file: IO[bytes]) -> int:
    """dlib's integer: a byte with the sign (bit 7) and the count of bytes that follow, lowest first; 0 if malformed."""
    control = file.read(1)
    count = control[0] & 0x0F if control else 0
    magnitude = file.read(count)
    if not control or control[0] & 0x70 or not 1 <= count <= 8 or len(magnitude) < count:
        return 0
    value = int.from_bytes(magnitude, "little")
    return -value if control[0] & 0x80 else value
