"""Values that cost memory, hours or stack to read: deep, huge, repeated and self-referential ones."""

from __future__ import annotations

import itertools
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.formats import rosinality
from tests.helpers.hostile import (
    Op,
    after,
    array,
    build,
    get,
    module,
    name,
    new,
    op,
    pickled,
    put,
    storage,
    storage_file,
    stream,
    tensor,
    update,
    write_archive,
    write_pickle,
    write_safetensors,
    write_stream,
)
from tests.helpers.tiny import tiny_generator

DEPTH = 100_000
MANY = 1_100_000
ROSINALITY = {"style.1.weight": tensor(), "to_rgbs.0.bias": tensor()}
SCRIPT = {"constants.pkl": pickled(())}
Make = Callable[[Path], Path]


def plain(value: Any) -> Make:
    return lambda path: write_pickle(value, path)


def of_rosinality(**tensors: Any) -> Make:
    """A file that looks like rosinality's, with these tensors too."""
    return lambda path: write_stream({"g_ema": {**ROSINALITY, **tensors}}, path)


def announcing(opcode: bytes, form: str, length: int) -> Make:
    return plain(Op(opcode + struct.pack(form, length) + bytes(100)))


def repeated(value: Any, again: Callable[[Op], Any], times: int) -> Op:
    """A value, and a list of what is made of it so many times."""
    return after(put(value, 1), Op(b"](" + op(again(get(1))) * times + b"e"))


def big(nbytes: int) -> Op:
    """An integer of so many bytes."""
    return Op(b"\x8b" + struct.pack("<i", nbytes) + b"\x7f" * nbytes)


def ones(count: int) -> Op:
    """A list of so many numbers."""
    return Op(b"](" + b"K\x01" * count + b"e")


def nested_tuples(depth: int = DEPTH) -> Op:
    return Op(b")" + b"\x85" * depth)


def nested_records(depth: int, kind: Op, attribute: str = "a") -> Op:
    """Objects that each hold an array and the next."""
    open_ = kind + b")\x81}(" + op("w") + get(1) + op(attribute)
    return after(put(array(), 1), Op(open_ * depth + op(None) + b"ub" * depth))


def names(count: int, value: Op, form: str = "x{}") -> dict[str, Op]:
    return {form.format(i): value for i in range(count)}


def described_by(kind: str, **state: Any) -> Op:
    return module(class_name=kind, state={"_modules": {}, "_parameters": {}, "_buffers": {}, **state})


def own_child(child: str, times: int = 1) -> Op:
    """A generator that is its own child, under a long name or under many."""
    children = {f"{child}{i}": get(2) for i in range(times)}
    state = update(get(1), {"_modules": children, "_parameters": {}, "_buffers": {}})
    return after(put({}, 1), put(module(state=get(1)), 2), state, get(2))


def children_with(parameters: Any, count: int = 900, **state: Any) -> Op:
    """A generator with many modules that share their parameters."""
    child = described_by("SynthesisLayer", _parameters=get(1), **state)
    children = {f"m{i}": child for i in range(count)}
    return after(put(parameters, 1), described_by("Generator", _modules=children, num_ws=0, img_channels=3))


def network_of_tensorflow(**state: Any) -> Op:
    state = {"version": 4, "static_kwargs": {}, "variables": [], "components": {}, **state}
    return build(new(name("dnnlib.tflib.network", "Network")), state)


def tensorflow(value: Op) -> Make:
    return plain((value, value, value))


def of_tiny_tensors(count: int, form: str, more: dict[str, list[int]]) -> Make:
    """A safetensors file with so many names of one number, and these shapes."""
    shapes = {form.format(i): [1] for i in range(count)} | more
    ends = list(itertools.accumulate((4 * math.prod(shape) for shape in shapes.values()), initial=0))
    header = {
        key: {"dtype": "F32", "shape": shape, "data_offsets": span}
        for (key, shape), span in zip(shapes.items(), itertools.pairwise(ends), strict=True)
    }
    return lambda path: write_safetensors(path, header, bytes(ends[-1]))


def of_archive(path: Path) -> Path:
    """An archive with forty thousand parts, of which the directory is beyond its limit."""
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(40_000):
            archive.writestr(zipfile.ZipInfo(f"archive/data/{i:080}"), b"")
    return path


def hollow_generator(levels: int) -> dict[str, Op]:
    """All names of a rosinality generator of 2^levels px but its noise, with three numbers behind each."""
    keys = rosinality.generator_keys(2**levels, depth=2)
    return {key.theirs: tensor() for key in keys if not key.theirs.startswith("noises")}


def wide_generator(path: Path) -> Path:
    """A whole generator with a million numbers in z; its average is not in the file."""
    tensors = tiny_generator(StyleGAN2Config(10**6, 2, (1, 2), {4: 2, 8: 2})).state_dict()
    torch.save({"g_ema": rosinality.export_generator(tensors)["g_ema"]}, path)
    return path


def latents(count: int, numbers: int) -> Make:
    """Styles of so many layers that are all the same."""
    one = tensor(storage(numel=numbers), shape=(numbers // 2, 1, 2, 1, 1), stride=(2, 1, 1, 1, 1))
    value = after(put(one, 1), Op(b"](" + get(1) * count + b"e"))
    return lambda path: write_archive(value, path, {"0": bytes(4 * numbers)})


CLIP: dict[str, list[int]] = {
    "logit_scale": [], "text_projection": [1, 1], "token_embedding.weight": [1, 1], "positional_embedding": [1, 1],
    "visual.conv1.weight": [1, 1, 1, 1], "visual.class_embedding": [1], "visual.positional_embedding": [2, 1],
    "input_resolution": [], "context_length": [], "vocab_size": [],
}  # fmt: skip
NAMESPACE, SET, DICT = name("argparse", "Namespace"), name("builtins", "set"), name("collections", "OrderedDict")
MODULE, ENCODE = name("__torch__.m", "Module"), name("_codecs", "encode")
HALF_MB = storage_file(stream(storage(numel=131072), {"0": bytes(524288)}))
FAR = tensor(storage("1", 1_000_000), shape=(2,), stride=(999_999,))
