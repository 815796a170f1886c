"""Foreign, absent and damaged files are refused in one sentence, by the library and on the command line."""

from __future__ import annotations

import bz2
import gzip
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from styleclip.errors import WeightError, WeightWarning
from styleclip.weights.describe import describe
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.latent_files import load_latents
from styleclip.weights.load import load_generator
from tests.helpers.assert_refused import Way, assert_is_a_sentence, parametrized, refused, sentinel
from tests.helpers.checkpoint_writers import write_nvidia_pickle, write_tf_pickle
from tests.helpers.hostile import (
    call,
    name,
    write_pickle,
)
from tests.helpers.support import run_styleclip
from tests.helpers.tiny import tiny_generator

FOREIGN = {
    "a web page": (b"<!DOCTYPE html><html>Google Drive can't scan this file for viruses", "a web page"),
    "a web page after blanks": (b"\r\n\n   <html>", "a web page"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS"),
    "nothing": (b"", "it is empty"),
    "gzip": (gzip.compress(b"weights"), "compressed with gzip"),
    "bzip2": (bz2.compress(b"weights"), "compressed with bzip2"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither a safetensors"),
    "a text": (b"weights", "a text file, not weights; check the download, or save its numbers"),
    "JSON": (b'{"weights": 1}', "a text file, not weights"),
    "CSV": ("\ufeff-1.5e-3,2\n\u00e9".encode(), "a text file, not weights"),
    "a character that is cut": (b" " * 62 + b"1\xc3\xa9", "a text file, not weights"),
    "MATLAB": (b"MATLAB 5.0 MAT-file" + bytes(100), "a MATLAB file"),
    "an empty npz": (b"PK\5\6" + bytes(18), "an empty zip archive"),
    "zeros": (bytes(1000), "neither a safetensors"),
    "one byte": (b"\x80", "neither a safetensors"),
    "the beginning of a pickle": (b"\x80\x04", "it ends too early"),
    "the beginning of an archive": (b"PK\x03\x04", "damaged"),
    "the beginning of a torch file": (b"\x80\x02\x8a\x0a", "it ends too early"),
    "the beginning of an array": (b"\x93NUMPY", "damaged"),
    "random bytes": (random.Random(0).randbytes(1000), "neither a safetensors"),
    "a pickle of protocol 0": (b"cos\nsystem\n(S'touch executed'\ntR.", "neither a safetensors"),
}


@parametrized(FOREIGN)
def test_foreign_files(case: tuple[bytes, str], tmp_path: Path) -> None:
    content, said = case
    (tmp_path / "weights.pt").write_bytes(content)
    assert said in refused(tmp_path / "weights.pt")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    (tmp_path / "dangling.pt").symlink_to(tmp_path / "nothing.pt")
    (tmp_path / "file").write_bytes(b"x")
    said = {
        tmp_path: "it is a folder; pass the file inside of it",
        tmp_path / "pipe.pt": "it is a device or a pipe; save its content to a file",
        Path("/dev/zero"): "it is a device or a pipe",
        tmp_path / "loop.pt": "it cannot be opened (Too many levels of symbolic links); check the path",
        tmp_path / "dangling.pt": "there is no such file; check the path",
        tmp_path / "absent.pt": "there is no such file; check the path",
        tmp_path / "file" / "weights.pt": "there is no such file; check the path",
        tmp_path / ("x" * 300): "it cannot be opened (File name too long); check the path",
    }
    for path, reason in said.items():
        assert reason in refused(path)


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_generator(tiny_generator(), tmp_path / "secret.safetensors")

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # the superuser cannot be denied a file
    assert "it cannot be opened (Permission denied); check the path and its permissions" in refused(path)


def theirs(**changes: Any) -> dict[str, Any]:
    tensors: Any = rosinality.export_generator(tiny_generator().state_dict())
    return {"g_ema": {**tensors["g_ema"], **changes}, "latent_avg": tensors["latent_avg"]}


def write_latents(path: Path) -> None:
    np.save(path, np.random.default_rng(0).standard_normal((4, 6, 8), dtype=np.float32))


INTACT: dict[str, tuple[Callable[[Path], Any], Way]] = {
    "torch before 1.6": (lambda path: torch.save(theirs(), path, _use_new_zipfile_serialization=False), load_generator),
    "torch": (lambda path: torch.save(theirs(), path), load_generator),
    "NVIDIA's pickle": (lambda path: write_nvidia_pickle(path, tiny_generator()), load_generator),
    "TensorFlow's pickle": (lambda path: write_tf_pickle(path, tiny_generator()), load_generator),
    "safetensors": (lambda path: save_generator(tiny_generator(), path), load_generator),
    "npy": (write_latents, load_latents),
}


@parametrized(INTACT)
def test_files_that_were_cut_off(case: tuple[Callable[[Path], Any], Way], tmp_path: Path) -> None:
    write, load = case
    content = written(write, tmp_path)
    for percent in range(0, 100, 2):
        (tmp_path / "cut.pt").write_bytes(content[: len(content) * percent // 100])
        refused(tmp_path / "cut.pt", load, describe)


@parametrized(INTACT)
def test_files_with_a_wrong_bit(case: tuple[Callable[[Path], Any], Way], tmp_path: Path) -> None:
    """Each is refused, or gives the network with other numbers, which are finite ones."""
    write, load = case
    content, chance = written(write, tmp_path), random.Random(0)
    (tmp_path / "intact.pt").write_bytes(content)
    names = shapes(load(tmp_path / "intact.pt"))
    path = tmp_path / "flipped.pt"
    for place in [chance.randrange(min(len(content), 3000)) for _ in range(40)] + [
        chance.randrange(len(content)) for _ in range(40)
    ]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeightWarning)
            try:
                assert shapes(load(path)) == names
                describe(path)
            except WeightError as error:
                assert_is_a_sentence(str(error), path)


def written(write: Callable[[Path], Any], folder: Path) -> bytes:
    write(folder / "written.npy")
    return (folder / "written.npy").read_bytes()


def shapes(loaded: Any) -> dict[str, torch.Size]:
    """The names and shapes of a network or a latent, whose numbers are all finite."""
    tensors = loaded.state_dict() if isinstance(loaded, torch.nn.Module) else {loaded.space: loaded.data}
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    return {key: tensor.shape for key, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("command", "files"),
    [
        (("models", "inspect"), ("hostile.pkl", "page.pt")),
        (("optimize", "--prompt", "a face", "--model"), ("hostile.pkl",)),
    ],
    ids=["inspect", "optimize"],
)
def test_the_command_line(command: tuple[str, ...], files: tuple[str, ...], tmp_path: Path, python: list[str]) -> None:
    write_pickle({"G_ema": call(name("os", "system"), f"touch {sentinel(tmp_path)}")}, tmp_path / "hostile.pkl")
    (tmp_path / "page.pt").write_bytes(FOREIGN["a web page"][0])
    for file in files:
        done = run_styleclip(*command, file, cwd=tmp_path, python=python)
        assert (done.returncode, done.stdout) == (1, "")
        [line] = done.stderr.splitlines()
        assert_is_a_sentence(line.removeprefix("Error: "), Path(file))
