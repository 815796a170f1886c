"""The files that styleclip writes: safetensors with their kind and a record of how they were made as metadata.

| metadata | value |
|---|---|
| `styleclip` | the kind: `generator`, `encoder`, `mapper`, `clip`, `relevance`, `samples`, `direction`, `tuning` ... |
| `about` | JSON: settings, prompts, and `generator`, the fingerprint of the network it was made with |
| others | text, e.g. the `licence` and `source` of a converted generator |

Tensors have the names of our state dicts. They may be half precision to save space, except the filters, frequencies
and magnitudes of a StyleGAN3; loaded networks are float32. A generator has the numbers of its configuration that
neither names nor shapes tell, unless they have their defaults: `"conv_clamp": "256.0"` (`own_generators.py`). A child,
a generator that was adapted, also has the tensors of its parent that the training changed, under their names behind
`parent.` (`weights/child_files.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from json import dumps, loads
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import torch
from safetensors.torch import save
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.e4e import Encoder
from styleclip.networks.generator import Generator
from styleclip.networks.latent_mapper import Mapper
from styleclip.storage.files import atomic_write, to_json
from styleclip.weights.formats.children import PREFIX, parent_name, split_parent
from styleclip.weights.formats.configs import (
    clip_content,
    encoder_content,
    identity_content,
    mapper_content,
    mapper_settings,
    table_content,
)
from styleclip.weights.formats.content import Content, FileTree, Native, attempt
from styleclip.weights.formats.messages import error_context, plain_line, short_repr
from styleclip.weights.formats.own_checks import MAX_RECORD_CHARS, check_finite, parse_record
from styleclip.weights.formats.own_generators import generator_metadata, grown_from_record, own_generator
from styleclip.weights.formats.stylegan3_configs import EXACT_BUFFERS
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import named_tensors, read_tensors

FORMAT = "styleclip"
KIND = "styleclip"  # the metadata key of the kind of the file
ORIGIN_KEYS = ("source", "label")  # metadata of a generator by `styleclip models convert`


class OwnFile(NamedTuple):
    """The tensors of a file by name, and `about`, the record of how they were made; {} without one."""

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
    """Write named tensors and a record of how they were made atomically: a reader sees the old file or the new one.

    Raises OutputError where the folder cannot be written, and WeightError where `dtype` is too narrow.
    """
    record = {} if about is None else {"about": to_json(about)}
    return save_tensors(tensors, path, {**(metadata or {}), KIND: kind, **record}, dtype)


def read_own(path: str | Path, kind: Native, remedy: str) -> OwnFile:
    """The tensors and the record of a file of this kind, as `save_own` wrote them.

    Raises WeightError for a file that is absent, damaged or of another kind, and for one with NaN in a tensor or
    whose `about` is no JSON object; that sentence ends in the `remedy`, e.g. "train it again".
    """
    with error_context(path, remedy):
        tree = open_content(Path(path))
        held = tree.metadata.get(KIND)
        if held is None:
            raise WeightError(f"it holds no {kind} that styleclip wrote; pass a file with one")
        if held != kind:
            raise WeightError(f"it holds {short_repr(held)}, no {kind}; pass a file with one")
        tensors = read_tensors(tree.value)
        check_finite(tensors, remedy)
        return OwnFile(tensors, parse_about(tree.metadata, remedy))


def parse_about(metadata: Mapping[str, str], remedy: str) -> dict[str, Any]:
    """The JSON object in `about` with printable strings; {} without one, WeightError for other JSON."""
    about = parse_record(metadata.get("about", "{}"), remedy)
    return {plain_line(name): plain_line(value) if isinstance(value, str) else value for name, value in about.items()}


def save_generator(
    generator: Generator,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
    about: Mapping[str, Any] | None = None,
    parent: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write a generator; `metadata` is added to that of the format. Raises WeightError where `dtype` overflows.

    `about` is the record of how a child was made, and `parent` the tensors of its parent that differ, by name
    (`weights/child_files.py`).
    """
    before = {PREFIX + name: tensor for name, tensor in (parent or {}).items()}
    tensors = {**generator.state_dict(), **before}
    record = {**(about or {}), **grown_from_record(generator)} or None
    return save_own(
        "generator", tensors, path, record, {**(metadata or {}), **generator_metadata(generator.config)}, dtype
    )


def save_tensors(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str], dtype: torch.dtype = torch.float32
) -> Path:
    """Write named tensors and this metadata atomically; files of a known kind are written by `save_own`."""
    stored = {name: _cast(name, tensor, dtype) for name, tensor in tensors.items()}
    texts = {key: text.encode(errors="backslashreplace").decode() for key, text in metadata.items()}  # UTF-8
    return atomic_write(Path(path), _sort_metadata(save(stored, texts)))


def save_encoder(
    encoder: Encoder,
    path: str | Path,
    about: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write an encoder; its kind and leak are metadata."""
    config = {"kind": encoder.config.kind, "leak": str(encoder.config.leak)}
    return save_own("encoder", encoder.state_dict(), path, about, {**(metadata or {}), **config}, dtype)


def save_mapper(
    mapper: Mapper, path: str | Path, about: Mapping[str, Any] | None = None, dtype: torch.dtype = torch.float32
) -> Path:
    """Write a mapper; `about` is the record of its training."""
    tensors = mapper.state_dict()
    return save_own("mapper", tensors, path, about, mapper_settings(tensors), dtype)


def contents(tree: FileTree) -> list[Content]:
    """The content of a file by styleclip, of the kind in its metadata."""
    kind = tree.metadata.get(KIND)
    if kind is None:
        return []
    if kind not in get_args(Native):
        raise WeightError(
            f"it holds a {short_repr(kind)}, which this version of styleclip does not know; update styleclip"
        )
    metadata = {key: plain_line(text[: MAX_RECORD_CHARS + 1]) for key, text in tree.metadata.items()}
    return [attempt(cast(Native, kind), FORMAT, "", lambda: _content(cast(Native, kind), tree, metadata))]


def _content(kind: Native, tree: FileTree, metadata: Mapping[str, str]) -> Content:
    about, tensors = parse_about(metadata, "make it again"), named_tensors(tree.value)
    match kind:
        case "generator":
            own, parent = split_parent(tensors, about)
            content = own_generator(FORMAT, own, metadata)
            origin = {"parent": parent_name(about)} if parent else {}
            content = replace(content, parent=parent, summary={**content.summary, **origin})
        case "encoder":
            content = encoder_content(FORMAT, tensors, metadata)
        case "mapper":
            content = mapper_content(FORMAT, tensors, about)
        case "clip":
            content = clip_content(FORMAT, tensors, loads(metadata.get("config", "null")))
        case "identity":
            content = identity_content(FORMAT, tensors)
        case "relevance" | "samples" | "direction":
            content = table_content(kind, FORMAT, tensors, about=about)
        case _:
            content = Content(kind, FORMAT, None, tensors)
    origin = {name: metadata[name] for name in ORIGIN_KEYS if name in metadata}
    return replace(content, about=about, summary={**content.summary, **origin}, licence=metadata.get("licence", ""))


def _sort_metadata(content: bytes) -> bytes:
    """A safetensors file with sorted metadata: the same content gives the same bytes, and the package sorts none."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[start:]


def _cast(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    exact = not tensor.is_floating_point() or name.endswith(EXACT_BUFFERS)
    stored = tensor.detach().cpu().to(tensor.dtype if exact else dtype).contiguous()
    if not torch.equal(stored.isfinite(), tensor.detach().cpu().isfinite()):
        raise WeightError(f"{name} overflows {dtype}; save it as float32")
    return stored
