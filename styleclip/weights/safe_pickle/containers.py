"""Open a file by its first bytes, whatever its suffix. No code in it is run, and tensors are read on demand."""

from __future__ import annotations

import stat
import zipfile
from functools import partial
from pathlib import Path

from styleclip.errors import WeightError
from styleclip.weights.formats import landmarks
from styleclip.weights.formats.content import FileTree
from styleclip.weights.formats.messages import report_damage
from styleclip.weights.safe_pickle.npy_files import is_npz, read_npy, read_npz
from styleclip.weights.safe_pickle.safetensors_files import read_safetensors
from styleclip.weights.safe_pickle.torch_files import IndexFile, read_stream, read_zip
from styleclip.weights.safe_pickle.unpickler import ReadBudget, read_pickle

ZIP = b"PK\x03\x04"
TEXT_PICKLE = (b"(", b"c")  # first bytes of pickles of protocol 0, which are text
TORCH_STREAM = b"\x80\x02\x8a\x0a"  # a pickled long: the magic number of torch.save before 1.6
PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
BZIP2 = b"BZh"
NPY = b"\x93NUMPY"
UNSUPPORTED_HEADS = {  # first bytes of common other files -> error
    b"<": "it is a web page, not weights: the download was answered with an error or a sign-in page; fetch it again",
    b"version https://git-lfs": "it is a Git LFS pointer, not the weights; run `git lfs pull` or download the file",
    BZIP2: "it is compressed with bzip2; unpack it first",
    b"\x1f\x8b": "it is compressed with gzip; unpack it first",
    b"\xfd7zXZ": "it is compressed with xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd; unpack it first",
    b"7z\xbc\xaf": "it is a 7z archive; unpack it and pass the file inside of it",
    b"Rar!": "it is a RAR archive; unpack it and pass the file inside of it",
    b"PK\x05\x06": "it is an empty zip archive or npz; download it again",
    b"MATLAB": "it is a MATLAB file; save its numbers with numpy.save and pass that",
    b"\x89HDF": "it is an HDF5 file, which is none of the known weight formats; pass a file of StyleGAN2 or StyleCLIP",
}


def open_content(path: Path) -> FileTree:
    """The tree of values in the file; raises WeightError for a file that is absent, damaged or of another container."""
    head = _first_bytes(path)
    with report_damage():
        if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
            return read_safetensors(path)  # first, since the length of its header may look like a pickle
        if head.startswith(ZIP):
            with IndexFile(path) as file, zipfile.ZipFile(file) as archive:
                return read_npz(path, archive) if is_npz(archive) else read_zip(path)
        if head.startswith(TORCH_STREAM):
            return FileTree("torch", read_stream(path))
        if head.startswith(PICKLE):
            return _read_pickle(path)
        if head.startswith(NPY):
            return read_npy(path)
        if head.startswith(landmarks.HEAD):
            return FileTree("dlib", landmarks.read_predictor(path))
        if head.startswith(BZIP2) and (predictor := landmarks.read_packed_predictor(path)):
            return FileTree("dlib", predictor)
    for start, reason in UNSUPPORTED_HEADS.items():
        if head.lstrip().startswith(start):
            raise WeightError(reason)
    if _is_text(head):
        raise WeightError("it is a text file, not weights; check the download, or save its numbers with numpy.save")
    raise WeightError("it is neither a safetensors, a torch, a pickle nor a npy file; check the download")


def _is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a text, e.g. of a CSV or JSON file."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # a character may be cut
            return False
        text = head[: error.start].decode("utf-8-sig")
    printable = all(character.isprintable() or character.isspace() for character in text)
    return printable and bool(text.strip()) and not head.startswith(TEXT_PICKLE)


def _first_bytes(path: Path) -> bytes:
    """The first 64 bytes of a file; raises WeightError for folders and pipes before opening, which would block."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise WeightError("it is a folder; pass the file inside of it")
        if not stat.S_ISREG(status.st_mode):
            raise WeightError("it is a device or a pipe; save its content to a file and pass that")
        if not status.st_size:
            raise WeightError("it is empty; download it again")
        with path.open("rb") as file:
            return file.read(64)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WeightError("there is no such file; check the path, or see `styleclip models list`") from error
    except OSError as error:
        raise WeightError(f"it cannot be opened ({error.strerror}); check the path and its permissions") from error


def _read_pickle(path: Path) -> FileTree:
    budget = ReadBudget(path.stat().st_size)
    with path.open("rb") as file:
        return FileTree("pickle", read_pickle(file, budget, nested=partial(read_stream, budget=budget)))
