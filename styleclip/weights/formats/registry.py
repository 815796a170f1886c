"""The list of file formats, and reading a file of any of them.

A new format is a module with one function, `contents(tree: FileTree) -> list[Content]`, and a line in `FORMATS`:

- It takes the tree of values of the container, and returns [] for a file of another format.
- It gives the tensors under our names, unread: `named_tensors(tree.table(...))`, renamed, and where the layout differs
  wrapped in `ConvertedTensor`. Formats of StyleGAN2 then call `generator_content`, of StyleGAN3 `stylegan3_content`,
  which read the configuration from the shapes (`configs.py` has the same for every other kind of network).
- It raises WeightError for a file that our network does not support: the cause, a semicolon and the remedy. The path
  is prefixed here, and any other exception is reported as damage.

No other code depends on the format: `load_generator`, `styleclip models inspect` and `convert` then read it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats import (
    direction_tables,
    encoders,
    face_recognition,
    inception,
    landmarks,
    mappers,
    nvidia_tf,
    nvidia_torch,
    openai_clip,
    own_files,
    perceptual,
    rosinality,
    style_tables,
)
from styleclip.weights.formats.content import Content, FileTree, Kind
from styleclip.weights.formats.messages import error_context, type_name
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor

MAX_NAME_CHARS = 40  # of a key or a class in an error

FORMATS: tuple[Callable[[FileTree], list[Content]], ...] = (
    own_files.contents,
    encoders.contents,
    mappers.contents,
    rosinality.contents,  # after these, whose files hold a generator in its names
    nvidia_torch.contents,
    nvidia_tf.contents,
    face_recognition.contents,
    direction_tables.contents,
    style_tables.contents,
    openai_clip.contents,
    perceptual.contents,
    inception.contents,
    landmarks.contents,
    direction_tables.other_contents,  # last: any numbers of the right width
)


def read_all(path: str | Path) -> list[Content]:
    """All networks and tables in a file; no tensor is read.

    Raises WeightError, with the path in front, for files that are absent, damaged, dangerous or unknown.
    """
    with error_context(path):
        return contents_of(open_content(Path(path)))


def contents_of(tree: FileTree) -> list[Content]:
    """All networks and tables in the tree of a file; raises WeightError where it holds none."""
    for contents in FORMATS:
        if found := contents(tree):
            return found
    raise WeightError(f"it holds {_describe_tree(tree.value)}, none of the known weights; see docs/files.md")


def read_one(path: str | Path, *kinds: Kind) -> Content:
    """The content of one of these kinds; raises WeightError that names the kinds in the file instead."""
    found = read_all(path)
    for content in found:
        if content.kind in kinds:
            return content
    wanted = " or ".join(kind for kind in kinds if kind not in ("table", "latents") or kind == kinds[0])
    raise WeightError(f"{path}: it holds {kinds_in_words(found)}, no {wanted}; pass a file with one")


def kinds_in_words(found: list[Content]) -> str:
    """The kinds of networks and tables in a file; of a table its shape."""
    return " and ".join(map(_kind_in_words, found))


def _kind_in_words(content: Content) -> str:
    shapes = [f"a table {list(tensor.shape)}" for tensor in content.tensors.values() if content.kind == "table"]
    return shapes[0] if shapes else content.kind


def _describe_tree(value: Any) -> str:
    """The value of a file in words: its type, the shape of a tensor, the class of an object, the first entries."""
    if isinstance(value, LazyTensor):
        return f"a tensor {list(value.shape)}"
    if isinstance(value, InertObject):
        return f"an object of the class {value.name[:MAX_NAME_CHARS]}"
    if isinstance(value, dict):
        return f"a dict of {len(value)} entries{_first_of([_named(*item) for item in islice(value.items(), 4)])}"
    if isinstance(value, list | tuple):
        return f"{type_name(value)} of {len(value)} entries{_first_of([_entry(item) for item in value[:4]])}"
    return type_name(value)


def _named(name: Any, value: Any) -> str:
    shape = f" {list(value.shape)}" if isinstance(value, LazyTensor) else ""
    return f"{str(name)[:MAX_NAME_CHARS]}{shape}"


def _entry(value: Any) -> str:
    return f"a tensor {list(value.shape)}" if isinstance(value, LazyTensor) else type_name(value)


def _first_of(names: list[str]) -> str:
    more = ", ..." if len(names) > 3 else ""
    return f" ({', '.join(name[: 2 * MAX_NAME_CHARS] for name in names[:3])}{more})" if names else ""
