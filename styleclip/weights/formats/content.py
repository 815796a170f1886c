"""The content of a weight file: the tree of values of its container, and the networks and tables in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from styleclip.errors import StyleClipError, WeightWarning
from styleclip.weights.formats.messages import report_damage
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor

Network = Literal[
    "generator", "discriminator", "encoder", "mapper", "arcface", "facenet", "identity", "judge", "clip"
]  # fmt: skip
Native = Literal[
    Network, "relevance", "samples", "direction", "training", "tuning", "stylenet"
]  # kinds of the files that styleclip writes
Kind = Literal[Native, "latents", "directions", "statistics", "table", "landmarks", "perceptual", "inception"]
Container = Literal["safetensors", "torch", "torchscript", "pickle", "npy", "npz", "dlib"]
TABLES: tuple[Kind, ...] = (
    "latents",
    "statistics",
    "relevance",
    "samples",
    "direction",
    "directions",
    "table",
)  # kinds without learned parameters


@dataclass(frozen=True)
class FileTree:
    """The tree of values in a file; tensors are `LazyTensor`, objects of unknown classes are `InertObject`."""

    container: Container
    value: Any
    metadata: Mapping[str, str] = field(default_factory=dict)  # of safetensors files

    def table(self, *keys: str) -> Mapping[str, Any]:
        """The dict under this path of keys if all its keys are strings, otherwise an empty one."""
        value = self.value
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, Mapping) and all(isinstance(name, str) for name in value) else {}


@dataclass(frozen=True)
class Content:
    """A network or a table in a file. Its tensors stay in the file until one of them is read.

    Args:
        kind: kind of network or table; `styleclip.weights.load` has a loader for each kind of network.
        format: project that writes such files, e.g. "rosinality" or "NVIDIA stylegan2-ada-pytorch".
        config: arguments of our network of this kind, e.g. a `StyleGAN2Config`.
        tensors: by the names in our network; of a table, by the names that its loader expects.
        about: the record in the file of how it was made.
        summary: facts for `styleclip models inspect`.
        licence: a note on the terms of files of this origin; "" where there is none.
        warnings: assumptions and substitutes for missing data; issued when the content is used.
        problem: the error that makes this content unusable; it then has no config and no tensors.
        parent: of a generator that was adapted the tensors of its parent that differ, by the same names.
    """

    kind: Kind
    format: str
    config: Any = None
    tensors: Mapping[str, AnyTensor] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    warnings: tuple[str, ...] = ()
    problem: StyleClipError | None = None
    parent: Mapping[str, AnyTensor] = field(default_factory=dict)

    def check(self) -> None:
        """Raise the problem, if there is one, and issue the warnings."""
        if self.problem:
            raise self.problem
        for text in self.warnings:
            warnings.warn(text, WeightWarning, stacklevel=3)


def attempt(kind: Kind, format: str, licence: str, build: Callable[[], Content]) -> Content:
    """`build()`, or a content with the error it raised as `problem`; other contents of the file stay usable."""
    try:
        with report_damage():
            return build()
    except StyleClipError as error:
        return Content(kind, format, licence=licence, problem=error)
