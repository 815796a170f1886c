"""What kind of file is it? Told by its content, never by its suffix; no code from a file ever runs."""

import argparse
import pickle
import zipfile
from pathlib import Path
from typing import Literal

import torch

from styleclip.errors import WeightError

Container = Literal["safetensors", "torch", "torchscript", "pickle", "unknown"]

ZIP = b"PK\x03\x04"
TORCH_LEGACY = b"\x80\x02\x8a\x0a"  # a pickled long: the magic number of torch.save before 1.6
PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def sniff(path: Path) -> Container:
    """The container of the file at `path`; raises WeightError where there is no such file."""
    if not path.is_file():
        raise WeightError("there is no such file; check the path, or see `styleclip models list`")
    with path.open("rb") as file:
        head = file.read(9)
    if head.startswith(ZIP):
        return _sniff_zip(path)
    if head.startswith(TORCH_LEGACY):
        return "torch"
    if head.startswith(PICKLE):
        return "pickle"
    if head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return "safetensors"
    return "unknown"


def _sniff_zip(path: Path) -> Container:
    if not zipfile.is_zipfile(path):
        return "torch"  # cut off before its directory; torch says so when it reads it
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "torchscript"
    return "torch" if "data.pkl" in names else "unknown"


def read_torch(path: Path) -> object:
    """The content of a `torch.save` file: tensors, plain Python values and `argparse.Namespace`, nothing else.

    Raises WeightError for a file that is damaged or that names any other class or function.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own message advises to run the code
        raise WeightError("it holds objects that could run code, so it was not opened; pass plain tensors") from error
    except Exception as error:  # torch raises whatever its reader stumbles on
        raise WeightError(f"it cannot be read ({_first_line(error)}); download it again") from error


def unreadable(container: Container) -> WeightError:
    """The error for a container that holds no state dict."""
    reasons = {
        "torchscript": "it is a TorchScript archive; pass a file of plain tensors",
        "pickle": "it is a plain pickle, which could run code; convert it with `styleclip models convert`",
    }
    return WeightError(reasons.get(container, "it is neither a safetensors nor a torch file; check the download"))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
