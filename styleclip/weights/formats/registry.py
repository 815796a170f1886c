"""The list of file formats, and reading a file of any of them.

A new format is a module with one function, `contents(tree: FileTree) -> list[Content]`, and a line in `FORMATS`:

- It takes the tree of values of the container, and returns [] for a file of another format.
- It gives the tensors under our names, unread: `named_tensors(tree.table(...))`, renamed, and where the layout differs
  wrapped in `ConvertedTensor`. Formats of StyleGAN2 then call `generator_content`, which reads the configuration from
  the shapes (`configs.py` has the same for every other kind of network).
- It raises WeightError for a file that our network does not support: the cause, a semicolon and the remedy. The path
  is prefixed here, and any other exception is reported as damage.

No other code depends on the format: `load_generator`, `styleclip models inspect` and `convert` then read it.
"""

from __future__ import annotations

from collections.abc import Callable
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
from styleclip.weights.formats.messages import error_context, type_name
from styleclip.weights.safe_pickle.containers import open_content

FORMATS: tuple[Callable[[FileTree], list[Content]], ...] = (
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
    """All networks and tables in a file; no tensor is read.

    Raises WeightError, with the path in front, for files that are absent, damaged, dangerous or unknown.
    """
    with error_context(path):
        tree = open_content(Path(path))
        for contents in FORMATS:
            if found := contents(tree):
                return found
        raise WeightError(f"it holds {_describe_tree(tree.value)}, none of the known weights; see the README for them")


def read_one(path: str | Path, *kinds: Kind) -> Content:
    """The content of one of these kinds; raises WeightError that names the kinds in the file instead."""
    found = read_all(path)
    for content in found:
        if content.kind in kinds:
            return content
    held = " and ".join(content.kind for content in found)
    raise WeightError(f"{path}: it holds {held}, no {' or '.join(kinds)}; pass a file with one")


def _describe_tree(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(str(key)[:40] for key in list(value)[:3])
        return f"a dict of {len(value)} entries ({keys}{', ...' if len(value) > 3 else ''})"
    return type_name(value)
