"""Open a file by its content, never by its suffix. Nothing in it is run, and nothing is read before it is needed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from styleclip.errors import StyleClipError, WeightError
from styleclip.weights.formats import native
from styleclip.weights.formats.part import Container, Content
from styleclip.weights.formats.pickles import read_pickle
from styleclip.weights.formats.stored import Stored
from styleclip.weights.formats.torch_files import read_stream, read_zip

ZIP = b"PK\x03\x04"
TORCH_STREAM = b"\x80\x02\x8a\x0a"  # a pickled long: the magic number of torch.save before 1.6
PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
NPY = b"\x93NUMPY"
REFUSED = {  # what people have instead of weights
    b"<": "it is a web page, not weights: the download was answered with an error or a sign-in page; fetch it again",
    b"version https://git-lfs": "it is a Git LFS pointer, not the weights; run `git lfs pull` or download the file",
    b"BZh": "it is compressed with bzip2; unpack it first",
    b"\x1f\x8b": "it is compressed with gzip; unpack it first",
    b"\x89HDF": "it is an HDF5 file, which is none of the known weight formats; pass a file of StyleGAN2 or StyleCLIP",
}


class _NpyFile(Stored):
    def __init__(self, path: Path) -> None:
        self.array = np.load(path, mmap_mode="r", allow_pickle=False)  # maps, so an announced terabyte fails here

    def read(self) -> Tensor:
        return torch.from_numpy(np.array(self.array))


def open_content(path: Path) -> Content:
    """What the file holds. Raises WeightError, one sentence, for anything that is absent, foreign or damaged."""
    container = sniff(path)
    with told_as_damage():
        if container == "safetensors":
            return Content(container, *native.read(path))
        if container == "npy":
            return Content(container, _NpyFile(path))
        with path.open("rb") as file:
            if container == "pickle":
                return Content(container, read_pickle(file, path.stat().st_size, nested=read_stream))
            head = file.read(4)
        return Content(container, read_zip(path) if head == ZIP else read_stream(path))


def sniff(path: Path) -> Container:
    """The container of the file at `path`; raises WeightError where there is none that we know."""
    if path.is_dir():
        raise WeightError("it is a folder; pass the file inside of it")
    if not path.is_file():
        raise WeightError("there is no such file; check the path, or see `styleclip models list`")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightError(f"it cannot be opened ({error.strerror}); check its permissions") from error
    if not head:
        raise WeightError("it is empty; download it again")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return "safetensors"  # first: the length of its header may look like a pickle
    if head.startswith(ZIP):
        return _sniff_zip(path)
    if head.startswith(TORCH_STREAM):
        return "torch"
    if head.startswith(PICKLE):
        return "pickle"
    if head.startswith(NPY):
        return "npy"
    for start, reason in REFUSED.items():
        if head.lstrip().startswith(start):
            raise WeightError(reason)
    raise WeightError("it is neither a safetensors, a torch, a pickle nor a npy file; check the download")


def _sniff_zip(path: Path) -> Container:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    except Exception as error:  # zipfile raises whatever it stumbles on
        raise WeightError("it is a zip archive that was cut off or damaged; download it again") from error
    if "data.pkl" not in names:
        raise WeightError("it is a zip archive, but not one of torch; unpack it and pass the file inside of it")
    return "torchscript" if "constants.pkl" in names and any(name.startswith("code/") for name in names) else "torch"


@contextmanager
def told_as_damage() -> Iterator[None]:
    """Readers raise whatever they stumble on; say it in one sentence."""
    try:
        yield
    except StyleClipError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [""])[0].rstrip(".")[:100]
        reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise WeightError(f"it is damaged or not what it seems ({reason}); download it again") from error
