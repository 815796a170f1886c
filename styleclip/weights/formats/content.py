"""What a file holds: the tree of values that its container gives, and the networks and tables found in it."""

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
Native = Literal[Network, "relevance", "direction", "training", "tuning"]  # kinds of the files that styleclip writes
Kind = Literal[Native, "latents", "statistics"]
Container = Literal["safetensors", "torch", "torchscript", "pickle", "npy"]
TABLES: tuple[Kind, ...] = ("latents", "statistics", "relevance", "direction")  # kinds without learned parameters


@dataclass(frozen=True)
class FileTree:
    """The tree of values in a file; its tensors are `LazyTensor`, the objects of unknown classes `InertObject`."""

    container: Container
    value: Any
    metadata: Mapping[str, str] = field(default_factory=dict)  # of safetensors

    def table(self, *keys: str) -> Mapping[str, Any]:
        """The dict found by these keys, whose own keys are names, or an empty one."""
        value = self.value
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, Mapping) and all(isinstance(name, str) for name in value) else {}


@dataclass(frozen=True)
class Content:
    """A network or a table in a file. Its tensors stay in the file until one of them is read.

    Args:
        kind: what it is; `styleclip.weights.load` has a loader for each kind of network.
        format: who writes such files, e.g. "rosinality" or "NVIDIA stylegan2-ada-pytorch".
        config: what our network of this kind is built from, e.g. a `GeneratorConfig`.
        tensors: by the names of that network; of a table, by the names that its loader expects.
        about: what the file says of how it was made.
        summary: what `styleclip models inspect` prints of it.
        licence: a note on the terms of files of this origin; "" where there is none.
        warnings: what had to be assumed or made up; told when the content is used.
        problem: why it cannot be used, where other contents of the file may be; it has no config and no tensors then.
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

    def check(self) -> None:
        """Raise the problem, if there is one, and tell the warnings."""
        if self.problem:
            raise self.problem
        for text in self.warnings:
            warnings.warn(text, WeightWarning, stacklevel=3)


def attempt(kind: Kind, format: str, licence: str, build: Callable[[], Content]) -> Content:
    """`build()`, or a content with the problem it ran into, so that others in the same file stay usable."""
    try:
        with report_damage():
            return build()
    except StyleClipError as error:
        return Content(kind, format, licence=licence, problem=error)
