"""Archives, safetensors and npy files with false sizes, offsets or entries are refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.weights.latent_files import load_latents
from tests.helpers.assert_refused import parametrized, refused
from tests.helpers.hostile import (
    call,
    name,
    pickled,
    storage,
    stream,
    tensor,
    write_archive,
    write_npy,
    write_safetensors,
    write_stream,
)

LATENTS = tensor(storage(numel=6), shape=(1, 2, 3), stride=(6, 3, 1))
SIX = {"0": bytes(24), "1": bytes(24)}


def lies(file: str, **claims: Any) -> Callable[[Path], Path]:
    def lie(infos: dict[str, zipfile.ZipInfo]) -> None:
        for claim, value in claims.items():
            setattr(infos[file], claim, value)

    return lambda path: write_archive(LATENTS, path, SIX, {"byteorder": b"little"}, lie=lie)


def patched(before: bytes, after: bytes) -> Callable[[Path], Path]:
    """An archive in which the last of these bytes are others."""

    def write(path: Path) -> Path:
        head, _, tail = write_archive(LATENTS, path, SIX).read_bytes().rpartition(before)
        path.write_bytes(head + after + tail)
        return path

    return write


def upon_each_other(path: Path) -> Path:
    """Two storages with nine tenths of the file each."""
    rows = [tensor(storage(key, 3000), shape=(1, 1, 3000, 1, 1), stride=(1,) * 5) for key in "01"]

    def lie(infos: dict[str, zipfile.ZipInfo]) -> None:
        first, second = infos["data/0"], infos["data/1"]
        second.header_offset, second.file_size, second.compress_size = first.header_offset, 12000, 12000

    return write_archive(rows, path, {"0": bytes(12000), "1": b""}, lie=lie)


def other_archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"")
    return path


def keys_of_another_kind(path: Path) -> Path:
    path.write_bytes(stream(LATENTS, SIX).replace(pickled(["0", "1"], 2), pickled([("0", "1")], 2)))
    return path


ARCHIVES: dict[str, Callable[[Path], Path]] = {
    "2^60 bytes of tensors": lies("data/0", file_size=2**60, compress_size=2**60),
    "2^60 bytes of pickle": lies("data.pkl", file_size=2**60, compress_size=2**60),
    "2^60 bytes of byte order": lies("byteorder", file_size=2**60, compress_size=2**60),
    "2^60 bytes, unpacked": lies("data/0", file_size=2**60),
    "2^60 bytes of pickle, packed": lies("data.pkl", compress_size=2**60),
    "a part beyond the end": lies("data/0", header_offset=2**40),
    "a pickle beyond the end": lies("data.pkl", header_offset=2**40),
    "a part that says it is packed": lies("data/0", compress_type=zipfile.ZIP_DEFLATED),
    "a pickle that says it is packed": lies("data.pkl", compress_type=zipfile.ZIP_DEFLATED),
    "a part packed in a way that is none": lies("data/0", compress_type=77),
    "a checksum of others": lies("data/0", CRC=1),
    "a pickle with a checksum of others": lies("data.pkl", CRC=1),
    "a pickle that says it is encrypted": lies("data.pkl", flag_bits=1),
    "another byte order": lambda path: write_archive(LATENTS, path, SIX, {"byteorder": b"big"}),
    "packed tensors": lambda path: write_archive(LATENTS, path, SIX, compression=zipfile.ZIP_DEFLATED),
    "parts upon each other": upon_each_other,
    "no parts": lambda path: write_archive(LATENTS, path, {}),
    "no pickle": other_archive,
    "a directory of 2 GB": patched(b"PK\x05\x06" + bytes(4) + b"\x02\0\x02\0", b"PK\x05\x06" + bytes(4) + b"\xff" * 8),
    "a directory elsewhere": patched(b"PK\x01\x02", b"PK\x07\x07"),
    "no end": patched(b"PK\x05\x06", b"PK\x07\x07"),
    "a stream whose keys are tuples": keys_of_another_kind,
    "a stream with keys of nothing": lambda path: write_stream(LATENTS, path, SIX),
    "a stream without keys": lambda path: write_stream(LATENTS, path, {}),
    "a stream with another size": lambda path: write_stream(LATENTS, path, {"0": bytes(20)}),
}


@parametrized(ARCHIVES)
def test_archives(case: Callable[[Path], Path], tmp_path: Path) -> None:
    assert "known weights" not in refused(case(tmp_path / "weights.pt"))


def test_the_same_files_without_lies_are_read(tmp_path: Path) -> None:
    for path in (lies("data/0")(tmp_path / "zip.pt"), write_stream(LATENTS, tmp_path / "legacy.pt", {"0": bytes(24)})):
        assert torch.equal(load_latents(path).data, torch.zeros(1, 2, 3))


ENTRY = {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}
BYTES = bytes(12)
KIND = {"__metadata__": {"styleclip": "generator"}}


SAFETENSORS: dict[str, tuple[Any, ...]] = {
    "2^63 bytes of header": ({"w": ENTRY}, BYTES, 2**63),
    "2^64 - 1 bytes of header": ({"w": ENTRY}, BYTES, 2**64 - 1),
    "a header longer than the file": ({"w": ENTRY}, BYTES, 1000),
    "a header that ends too early": ({"w": ENTRY}, BYTES, 20),
    "a header that is no JSON": (b"{" * 50, BYTES),
    "a header of 50,000 nested lists": (b'{"w":' + b"[" * 50_000 + b"]" * 50_000 + b"}", BYTES),
    "an empty header": ({}, b""),
    "data without names": ({}, BYTES),
    "tensors upon each other": ({"w": ENTRY, "v": ENTRY}, BYTES),
    "a name that comes twice": (b'{"w":%b,"w":%b}' % ((json.dumps(ENTRY).encode(),) * 2), BYTES),
    "a hole between tensors": ({"w": ENTRY, "v": {**ENTRY, "data_offsets": [16, 28]}}, bytes(28)),
    "offsets that run backwards": ({"w": {**ENTRY, "data_offsets": [12, 0]}}, BYTES),
    "offsets below zero": ({"w": {**ENTRY, "data_offsets": [-12, 0]}}, BYTES),
    "offsets beyond the end": ({"w": {**ENTRY, "data_offsets": [0, 2**40], "shape": [2**38]}}, BYTES),
    "2^80 numbers": ({"w": {**ENTRY, "shape": [2**40, 2**40]}}, BYTES),
    "a negative length": ({"w": {**ENTRY, "shape": [-3]}}, BYTES),
    "another shape than the data": ({"w": {**ENTRY, "shape": [4]}}, BYTES),
    "a type that is none": ({"w": {**ENTRY, "dtype": "PICKLE"}}, BYTES),
    "metadata that are no texts": ({"__metadata__": {"styleclip": 1}, "w": ENTRY}, BYTES),
    "metadata that are a list": ({"__metadata__": [1], "w": ENTRY}, BYTES),
    "a kind that is none": ({"__metadata__": {"styleclip": "virus"}, "w": ENTRY}, BYTES),
    "a kind with ends of lines": ({"__metadata__": {"styleclip": "a\n\x1b[2J" * 500}, "w": ENTRY}, BYTES),
    "a generator of others": ({**KIND, "w": ENTRY}, BYTES),
    "a mapper that says it is a generator": ({**KIND, "all.fc0.weight": ENTRY}, BYTES),
    "a clamp that is no number": ({"__metadata__": {**KIND["__metadata__"], "conv_clamp": "x"}, "w": ENTRY}, BYTES),
    "latents of a space that is none": ({"__metadata__": {"styleclip": "latents"}, "w": ENTRY}, BYTES),
    "latents with another number of axes": ({"w+": ENTRY}, BYTES),
    "latents that are integers": ({"w": {**ENTRY, "dtype": "I32", "shape": [1, 3]}}, BYTES),
    "latents of NaN": ({"w": {**ENTRY, "shape": [1, 3]}}, b"\xff" * 12),
    "latents without numbers": ({"w": {**ENTRY, "shape": [0, 3], "data_offsets": [0, 0]}}, b""),
}


@parametrized(SAFETENSORS)
def test_safetensors(case: tuple[Any, ...], tmp_path: Path) -> None:
    refused(write_safetensors(tmp_path / "weights.safetensors", *case))


def npy(dtype: str = "'<f4'", shape: str = "(1, 2, 3)", data: bytes = bytes(24), **rest: Any) -> Callable[[Path], Path]:
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return lambda path: write_npy(path, header, data, **rest)


NPY: dict[str, Callable[[Path], Path]] = {
    "objects": npy("'|O'", data=pickled(call(name("os", "system"), "touch executed"))),
    "objects in a structure": npy("[('a', '|O')]"),
    "a structure": npy("[('a', '<f4')]"),
    "texts": npy("'<U1'"),
    "dates": npy("'<M8[s]'"),
    "complex numbers": npy("'<c8'", data=bytes(48)),
    "a type that is none": npy("'evil'"),
    "a type of 2^40 bytes": npy(f"'|V{2**40}'"),
    "a type of no bytes": npy("'|V0'"),
    "a terabyte": npy(shape=f"({2**20}, 512, 512)"),
    "2^93 numbers": npy(shape=f"({2**31}, {2**31}, {2**31})"),
    "a negative length": npy(shape="(-1, 2, 3)"),
    "two negative lengths": npy(shape="(-1, -2, 3)"),
    "a length that is a text": npy(shape="('1', 2, 3)"),
    "a shape that is a number": npy(shape="6"),
    "a thousand axes": npy(shape=str((1,) * 1000)),
    "no numbers": npy(shape="(0, 2, 3)", data=b""),
    "NaN": npy(data=b"\xff" * 24),
    "a call in the header": npy(shape="__import__('os').system('touch executed')"),
    "a header that is nested": npy(shape="(" * 3000),
    "a header of minuses": npy(shape="-" * 9000 + "1"),
    "a header of a megabyte": npy(shape="6" + " " * 10**6, version=b"\2\0"),
    "4 GB of header": npy(version=b"\2\0", length=2**32 - 1),
    "a version that is none": npy(version=b"\x63\0"),
    "no data": npy(data=b""),
    "one byte too few": npy(data=bytes(23)),
}


@parametrized(NPY)
def test_npy(case: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(case(tmp_path / "w_plus.npy"))
