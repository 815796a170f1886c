"""The file of dlib's 68-point shape predictor, unpacked once and checked before dlib reads it.

dlib follows the indices in a file without a check. The published file is known by its hash; the structure of any other
one is checked (`weights.formats.landmarks`), with a warning. A file of 100 MB takes 0.1 s to hash and 4 s to check.
"""

from __future__ import annotations

import bz2
import warnings
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from styleclip.errors import OutputError, UsageError, WeightError, WeightWarning
from styleclip.storage.files import atomic_path
from styleclip.weights.catalog import weight
from styleclip.weights.file_state import file_state, sha256_of
from styleclip.weights.formats import landmarks

WEIGHT = "landmarks-68"  # in the catalog
PACKED = b"BZh"
POINTS = 68
CHUNK = 1 << 20
REMEDY = "run `styleclip models pull landmarks-68` or use --landmarks mtcnn"


def import_dlib() -> ModuleType:
    """The package dlib; raises UsageError where it is not installed."""
    try:
        import dlib
    except ImportError as error:
        raise UsageError("dlib is not installed; run `pip install dlib-bin` or use --landmarks mtcnn") from error
    return dlib


def load_predictor(path: Path) -> Any:
    """The `dlib.shape_predictor` in a .dat or .dat.bz2 file, which may be taken by another name.

    Warns where the file is not the published one. Raises WeightError for files that are no sound 68-point predictor.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightError(f"there is no file {path}; {REMEDY}")
    with path.open("rb") as opened:
        packed = opened.read(len(PACKED)) == PACKED
    is_new = packed and not _unpacked_path(path).is_file()
    file = unpack(path) if packed else path
    try:
        return _load(file, path if is_new else file)
    except WeightError:
        if is_new:
            file.unlink(missing_ok=True)
        raise


def _load(file: Path, path: Path) -> Any:
    """The predictor in an unpacked file; errors name `path`, the one that was given."""
    before = file_state(file)
    if sha256_of(file) != weight(WEIGHT).unpacked_sha256:
        _check_predictor(file, path)
    try:
        predictor = import_dlib().shape_predictor(str(file))
    except (RuntimeError, MemoryError) as error:
        raise WeightError(f"{path} is damaged or cut off; {REMEDY}") from error
    if file_state(file) != before:
        raise WeightError(f"{path} was changed while it was read; try again")
    return predictor


def _check_predictor(file: Path, path: Path) -> None:
    """Raise WeightError unless a file is a sound predictor of 68 landmarks; warn that it is not the published one."""
    try:
        found = landmarks.read_predictor(file)
    except WeightError as error:
        raise WeightError(f"{path}: {str(error).partition(';')[0]}; {REMEDY}") from error
    except OSError as error:
        raise WeightError(f"cannot read {path}: {error.strerror}; {REMEDY}") from error
    if found.landmarks != POINTS:
        raise WeightError(f"{path} is a predictor of {found.landmarks} landmarks instead of {POINTS}; {REMEDY}")
    text = f"{path} is not the published predictor of {POINTS} landmarks; use it only if you know its origin"
    warnings.warn(text, WeightWarning, stacklevel=3)


def _unpacked_path(path: Path) -> Path:
    return path.with_suffix("") if path.suffix == ".bz2" else path.with_name(f"{path.name}.dat")


def unpack(path: Path) -> Path:
    """The unpacked file beside a .bz2, written unless it is there. Raises WeightError where it cannot be written."""
    target = _unpacked_path(path)
    if target.is_file():
        return target
    try:
        with bz2.open(path) as packed, atomic_path(target) as temporary, open(temporary, "wb") as out:
            _copy(packed, out, path)
    except OutputError as error:
        raise WeightError(f"{path} cannot be unpacked beside itself; copy it into a folder of yours") from error
    return target


def _copy(packed: IO[bytes], out: IO[bytes], path: Path) -> None:
    """Unpack in chunks. Errors of reading are WeightErrors; those of writing are left to `atomic_path`."""
    total = 0
    while chunk := _read(packed, path):
        total += len(chunk)
        if total > landmarks.MAX_BYTES:
            raise WeightError(f"{path} unpacks to more than {landmarks.MAX_BYTES >> 20} MB; {REMEDY}")
        out.write(chunk)


def _read(packed: IO[bytes], path: Path) -> bytes:
    try:
        return packed.read(CHUNK)
    except (OSError, EOFError, ValueError) as error:
        raise WeightError(f"{path} is damaged or cut off; {REMEDY}") from error
