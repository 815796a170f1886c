"""Weights whose file is overwritten, cut off or replaced, while they are read and afterwards."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import styleclip
from styleclip import loading
from styleclip.demo.judge import load_judge
from styleclip.errors import WeightError
from styleclip.latents import Latent, Space, save_latent
from styleclip.weights.catalog import checkpoint_path
from styleclip.weights.file_state import FileBytes, sha256_of, unchanged_file
from styleclip.weights.load import load_clip_file, load_generator
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor

NUMBERS = torch.arange(70_000.0)


def save(value: Any, path: Path, **options: Any) -> None:
    torch.save(value, path, **options)


def npy_bytes(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


WRITERS: dict[str, Callable[[Path], object]] = {
    "safetensors": lambda path: safetensors.torch.save_file({"a": NUMBERS}, path),
    "torch": lambda path: save({"a": NUMBERS}, path),
    "torch of 2019": lambda path: save({"a": NUMBERS}, path, _use_new_zipfile_serialization=False),
    "npy": lambda path: path.write_bytes(npy_bytes(NUMBERS.numpy())),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"a": NUMBERS.numpy()}, protocol=2)),
}


def tensor_in(path: Path) -> Any:
    value = open_content(path).value
    return value["a"] if isinstance(value, dict) else value


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(bytes(200_000))
    os.utime(path, ns=(0, 12345))  # a clock that is coarse shows no other time


def cut(path: Path) -> None:
    os.truncate(path, 5000)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    os.replace(other, path)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


CHANGES = [overwrite, cut, replace, append]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_changes_before_its_numbers_are_read(
    tmp_path: Path, kind: str, change: Callable[[Path], None]
) -> None:
    WRITERS[kind](path := tmp_path / "file")
    tensor = tensor_in(path)
    change(path)
    if kind == "pickle":  # whose numbers are read at once
        assert torch.equal(read_tensor(tensor), NUMBERS)
    else:
        with pytest.raises(WeightError, match="it was changed while it was read; try again when it is complete"):
            read_tensor(tensor)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", WRITERS)
def test_numbers_that_were_read_stay(tmp_path: Path, kind: str, change: Callable[[Path], None]) -> None:
    WRITERS[kind](path := tmp_path / "file")
    numbers = read_tensor(tensor_in(path))
    change(path)
    assert torch.equal(numbers, NUMBERS)


def copied(file: Path, folder: Path) -> Path:
    (folder / file.name).write_bytes(file.read_bytes())
    return folder / file.name


def test_networks_keep_the_numbers_of_their_hash(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Generator, CLIP, judge and latents, after their files are cut to nothing, which ends a process that maps them."""
    generator_path, clip_path = (copied(file, tmp_path) for file in files)
    judge_path = copied(checkpoint_path("demo/judge.safetensors"), tmp_path)
    latent_path = save_latent(Latent(Space.Z, torch.ones(3, 70_000)), tmp_path / "latent.safetensors")
    generator, clip, judge = load_generator(generator_path), load_clip_file(clip_path), load_judge(judge_path)
    latent, before = Latent.load(latent_path), [_numbers(network) for network in (generator, clip.model, judge)]
    for path in (generator_path, clip_path, judge_path, latent_path):
        os.truncate(path, 0)
    for network, numbers in zip((generator, clip.model, judge), before, strict=True):
        assert torch.equal(_numbers(network), numbers)
    assert latent.data.sum() == 210_000


def _numbers(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().float() for tensor in network.state_dict().values()])


def test_the_hash_is_that_of_the_bytes_that_were_loaded(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(files[0], tmp_path)
    found = styleclip.load(str(path), clip=files[1], identity="none")
    assert found.provenance["generator"]["sha256"] == sha256_of(path)

    def load_then_write(path: Path, *options: Any) -> object:
        network = load_generator(path, *options)
        append(path)
        return network

    monkeypatch.setattr(loading, "load_generator", load_then_write)
    with pytest.raises(WeightError, match=f"{path} was changed while it was read; try again when it is complete"):
        styleclip.load(str(path), clip=files[1], identity="none")


@pytest.mark.parametrize("change", [*CHANGES, os.unlink])
def test_a_file_that_changes_in_a_block(tmp_path: Path, change: Callable[[Path], None]) -> None:
    WRITERS["npy"](path := tmp_path / "file")
    with unchanged_file(path), FileBytes(path).open():
        pass
    with pytest.raises(WeightError, match="was changed while it was read"), unchanged_file(path):
        change(path)


def test_a_file_that_changes_while_it_is_open(tmp_path: Path) -> None:
    WRITERS["npy"](path := tmp_path / "file")
    with FileBytes(path).open() as file:
        pass
    assert file.closed

    def read_then_overwrite() -> None:
        with FileBytes(path).open() as file:
            file.read(10)
            overwrite(path)

    with pytest.raises(WeightError, match="was changed while it was read"):
        read_then_overwrite()
