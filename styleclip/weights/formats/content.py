"""A file as its container gives it, and the things it turns out to hold: networks and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

Network = Literal[
    "generator", "discriminator", "encoder", "mapper", "arcface", "facenet", "identity", "judge", "clip"
]  # fmt: skip
Native = Literal[Network, "relevance", "direction", "training", "tuning"]  # what a file of ours may say it holds
Kind = Literal[Native, "latents", "statistics"]
Container = Literal["safetensors", "torch", "torchscript", "pickle", "npy"]


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
    """One of the things in a file; its tensors stay there until `read` is called.

    `read()` gives them under the names of our network of this kind (for a table: the names its loader expects);
    `settings` holds what no tensor tells, such as `conv_clamp` or the kind of a mapper.
    """

    kind: Kind
    format: str  # who writes such files, e.g. "rosinality" or "NVIDIA stylegan2-ada-pytorch"
    read: Callable[[], dict[str, Tensor]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""  # a note on what comes with files of this origin
