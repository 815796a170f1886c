"""Safetensors files: the header is read at once, the numbers on demand, and nothing is mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from styleclip.errors import WeightError
from styleclip.weights.file_state import FileBytes
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.safe_pickle.lazy_tensors import Storage, StorageView, strides_of

SAFETENSORS_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "C64": torch.complex64,
    "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64,
}  # fmt: skip


def read_safetensors(path: Path) -> FileTree:
    """The tensors and the metadata of a safetensors file; raises SafetensorError where its header is not sound."""
    source = FileBytes(path)
    with safe_open(path, framework="pt"):  # which checks names, shapes and that the numbers fill the file
        length = int.from_bytes(source.read(0, 8), "little")
        header: dict[str, Any] = json.loads(source.read(8, length))
    metadata = header.pop("__metadata__", {})
    tensors = {name: _safetensor(source, 8 + length, entry) for name, entry in header.items()}
    return FileTree("safetensors", tensors, metadata)


def _safetensor(source: FileBytes, first: int, entry: dict[str, Any]) -> StorageView:
    """The tensor of an entry of the header; the numbers begin at byte `first`."""
    dtype = SAFETENSORS_TYPES.get(entry["dtype"])
    if dtype is None:
        raise WeightError(f"it holds numbers of type {short_repr(entry['dtype'])}; only plain ones can be read")
    start, end = entry["data_offsets"]
    storage = Storage(dtype, (end - start) // dtype.itemsize, lambda at, count: source.read(first + start + at, count))
    shape = tuple(entry["shape"])
    return StorageView(storage, 0, shape, strides_of(shape, fortran=False))
