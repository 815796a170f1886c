"""The files that styleclip writes: safetensors whose metadata says what they hold and how it was made.

| metadata | value |
|---|---|
| `styleclip` | the kind: `generator`, `encoder`, `mapper`, `clip`, `relevance`, `direction`, `tuning`, `training` ... |
| `about` | JSON: settings, prompts, and `generator`, the fingerprint of the network it was made with |
| others | text, e.g. the `licence` and `source` of a converted generator |

Tensors have the names of our state dicts. They may be half precision to save space; networks are float32 again once
loaded. A generator has the numbers of its configuration that no shape tells, where they are unusual:
`"conv_clamp": "256.0"`.
"""

from collections.abc import Mapping
from functools import partial
from json import loads
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import torch
from safetensors.torch import save
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.files import atomic_write, to_json
from styleclip.networks.stylegan2 import Generator, GeneratorConfig
from styleclip.weights.formats.content import Content, FileTree, Native
from styleclip.weights.formats.messages import error_context, printable, shown
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import read_tensors

KIND = "styleclip"  # the metadata key that names what the file holds
DERIVED = "if it derives from NVIDIA's StyleGAN2, for non-commercial use (Nvidia Source Code License-NC)"
NUMBERS = ("conv_clamp", "mapping_lr_mul")  # of GeneratorConfig, which no shape tells


class OwnFile(NamedTuple):
    """The tensors of a file of ours by name, and `about`, how they were made: {} where the file does not say."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def save_own(
    kind: Native,
    tensors: Mapping[str, Tensor],
    path: str | Path,
    about: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write named tensors and how they were made to `path`, all or nothing: a reader sees the old file or the new one.

    Raises OutputError where the folder cannot be written, and WeightError where `dtype` is too narrow.
    """
    record = {} if about is None else {"about": to_json(about)}
    return save_tensors(tensors, path, {**(metadata or {}), KIND: kind, **record}, dtype)


def read_own(path: str | Path, kind: Native, remedy: str) -> OwnFile:
    """The tensors and the record of a file of this kind, as `save_own` wrote them.

    Raises WeightError for a file that is absent, damaged or of another kind, and for one whose `about` is no JSON
    object; that sentence ends in the `remedy`, e.g. "train it again".
    """
    with error_context(path):
        tree = open_content(Path(path))
        held = tree.metadata.get(KIND)
        if held is None:
            raise WeightError(f"it holds no {kind} that styleclip wrote; pass a file with one")
        if held != kind:
            raise WeightError(f"it holds {shown(held)}, no {kind}; pass a file with one")
        return OwnFile(read_tensors(tree.value), parse_about(tree.metadata, remedy))


def parse_about(metadata: Mapping[str, str], remedy: str) -> dict[str, Any]:
    """The JSON object in `about`, fit to be printed; {} without one, WeightError where it is something else."""
    about = loads(metadata.get("about", "{}"))
    if not isinstance(about, dict):
        raise WeightError(f"it does not say how it was made; {remedy}")
    return {printable(name): printable(value) if isinstance(value, str) else value for name, value in about.items()}


def save_generator(
    generator: Generator,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a generator; `metadata` is added to what loading needs. Half precision must not overflow."""
    numbers = {name: getattr(generator.config, name) for name in NUMBERS}
    unusual = {name: str(value) for name, value in numbers.items() if value != getattr(GeneratorConfig, name)}
    return save_own("generator", generator.state_dict(), path, metadata={**(metadata or {}), **unusual}, dtype=dtype)


def save_tensors(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str], dtype: torch.dtype = torch.float32
) -> Path:
    """Write named tensors and this metadata, all or nothing; `save_own` for files of a known kind."""
    stored = {name: _cast(name, tensor, dtype) for name, tensor in tensors.items()}
    return atomic_write(Path(path), save(stored, dict(metadata)))


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
