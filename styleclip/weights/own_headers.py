"""The records of our own files without their tensors, and without torch."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_checks import parse_record

KIND = "styleclip"  # the metadata key of the kind of the file
METADATA = "__metadata__"  # in the header
MAX_HEADER_BYTES = 100_000_000  # as the package safetensors


def is_own(path: str | Path) -> bool:
    """Whether a file is a safetensors file that styleclip wrote, of any kind."""
    try:
        return KIND in _metadata(Path(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def read_record(path: str | Path, kind: str, remedy: str) -> dict[str, Any]:
    """`about` of a safetensors file that styleclip wrote of this kind; {} without one.

    Raises WeightError for a file that is absent, damaged or of another kind.
    """
    with error_context(path, remedy):
        try:
            metadata = _metadata(Path(path))
            held, text = metadata.get(KIND), metadata.get("about", "{}")
        except OSError as error:
            raise WeightError(f"it cannot be opened ({error.strerror}); check the path and its permissions") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise WeightError(f"it holds no {kind} that styleclip wrote; {remedy}") from error
        if held != kind or not isinstance(text, str):
            raise WeightError(f"it holds no {kind}; {remedy}")
        return parse_record(text, remedy)


def _metadata(path: Path) -> dict[str, Any]:
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a pipe would wait for its writer
        raise ValueError("a device or a pipe")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise ValueError("no header")
        header = json.loads(file.read(length))
    ends = [each["data_offsets"][1] for name, each in header.items() if name != METADATA]
    if path.stat().st_size != 8 + length + max(ends, default=0):
        raise ValueError("cut off")
    return dict(header[METADATA])
