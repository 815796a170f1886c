"""Our own files: safetensors whose tensor names are those of our state dicts; the metadata says what they are.

A generator has `{"styleclip": "generator"}` and the numbers of its configuration that no shape tells, where they are
unusual: `"conv_clamp": "256.0"`. Tensors may be half precision to save space; they are float32 again once loaded.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.files import atomic_write
from styleclip.networks.stylegan2 import Generator, GeneratorConfig
from styleclip.weights.formats.content import Content, FileTree, Native
from styleclip.weights.formats.messages import printable, shown
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, read_tensors

KIND = "styleclip"  # the metadata key that names what the file holds
DERIVED = "if it derives from NVIDIA's StyleGAN2, for non-commercial use (Nvidia Source Code License-NC)"
NUMBERS = ("conv_clamp", "mapping_lr_mul")  # of GeneratorConfig, which no shape tells


def save_generator(
    generator: Generator,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a generator; `metadata` is added to what loading needs. Half precision must not overflow."""
    numbers = {name: getattr(generator.config, name) for name in NUMBERS}
    unusual = {name: str(value) for name, value in numbers.items() if value != getattr(GeneratorConfig, name)}
    return save_tensors(generator.state_dict(), path, {**(metadata or {}), KIND: "generator", **unusual}, dtype)


def save_tensors(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str], dtype: torch.dtype = torch.float32
) -> Path:
    """Write named tensors to `path`, all or nothing: a reader sees the old file or the new one.

    Raises OutputError where the folder cannot be written, and WeightError where `dtype` is too narrow.
    """
    stored = {name: _cast(name, tensor, dtype) for name, tensor in tensors.items()}
    return atomic_write(Path(path), save(stored, dict(metadata)))


class SafeTensor(LazyTensor):
    """A tensor of a safetensors file, which stays open: to open it is to read the names of all tensors."""

    __slots__ = ("file", "name")

    def __init__(self, file: safe_open, name: str) -> None:
        self.file, self.name = file, name

    def read(self) -> Tensor:
        return self.file.get_tensor(self.name)


def read(path: Path) -> FileTree:
    """Any safetensors file: its tensors and its metadata."""
    file = safe_open(path, framework="pt")
    tensors = {name: SafeTensor(file, name) for name in file.keys()}  # noqa: SIM118
    return FileTree("safetensors", tensors, file.metadata() or {})


def contents(tree: FileTree) -> list[Content]:
    """What styleclip wrote, as the metadata says, or a bare state dict of a generator in NVIDIA's names (ours)."""
    value, metadata = tree.value, dict(tree.metadata)
    kind = metadata.pop(KIND, None)
    if kind is None:
        if not isinstance(value, Mapping) or "synthesis.b4.const" not in value:
            return []
        return [Content("generator", "state dict in NVIDIA's names", partial(read_tensors, value), {}, DERIVED)]
    if kind not in get_args(Native):
        raise WeightError(f"it holds a {shown(kind)}, which this version of styleclip does not know; update styleclip")
    settings: dict[str, Any] = {key: printable(text) for key, text in metadata.items()}
    settings |= {key: float(settings[key]) for key in NUMBERS if key in settings}
    return [Content(cast(Native, kind), "styleclip", partial(read_tensors, value), settings)]


def _cast(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    stored = tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
    if not torch.equal(stored.isfinite(), tensor.detach().cpu().isfinite()):
        raise WeightError(f"{name} overflows {dtype}; save it as float32")
    return stored
