"""Say what is in a weight file, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats import (
    encoders,
    face_recognition,
    mappers,
    nvidia_tf,
    nvidia_torch,
    openai_clip,
    own_files,
    rosinality,
    style_tables,
)
from styleclip.weights.formats.content import Content, FileTree, Kind
from styleclip.weights.formats.messages import described, error_context
from styleclip.weights.safe_pickle.containers import open_content

READERS: tuple[Callable[[FileTree], list[Content]], ...] = (
    own_files.contents,
    rosinality.contents,
    nvidia_torch.contents,
    nvidia_tf.contents,
    encoders.contents,
    face_recognition.contents,
    mappers.contents,
    style_tables.contents,
    openai_clip.contents,
)


def read_all(path: str | Path) -> list[Content]:
    """Everything in the file that we can use; reading the tensors is left to the parts.

    Raises WeightError, with the path in front, for files that are absent, damaged, dangerous or unknown.
    """
    path = Path(path)
    with error_context(path):
        tree = open_content(path)
        for reader in READERS:
            if found := reader(tree):
                return [replace(part, read=_guarded(part.read, path)) for part in found]
        raise WeightError(f"it holds {_described(tree.value)}, none of the known weights; see the README for them")


def read_one(path: str | Path, *kinds: Kind) -> Content:
    """The part of one of these kinds; raises WeightError that says what is in the file instead."""
    found = read_all(path)
    for candidate in found:
        if candidate.kind in kinds:
            return candidate
    held = " and ".join(candidate.kind for candidate in found)
    raise WeightError(f"{path}: it holds {held}, no {' or '.join(kinds)}; pass a file with one")


def _guarded(read: Callable[[], Any], path: Path) -> Callable[[], Any]:
    def guarded() -> Any:
        with error_context(path):
            return read()

    return guarded


def _described(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(str(key)[:40] for key in list(value)[:3])
        return f"a dict of {len(value)} entries ({keys}{', ...' if len(value) > 3 else ''})"
    return described(value)
