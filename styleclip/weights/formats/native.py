"""Our own files: safetensors whose tensor names are those of our state dicts; the metadata says what they are.

A generator has `{"styleclip": "generator"}` and, where it clamps, `"conv_clamp": "256.0"`. Tensors may be half
precision to save space; they are float32 again once loaded.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from styleclip.errors import OutputError, WeightError
from styleclip.models.stylegan2 import Generator

KIND = "styleclip"  # the metadata key that names what the file holds


def save_generator(
    generator: Generator,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a generator; `metadata` is added to what loading needs. Half precision must not overflow."""
    clamp = generator.config.conv_clamp
    own = {KIND: "generator"} | ({} if clamp is None else {"conv_clamp": str(clamp)})
    return save_tensors(generator.state_dict(), path, {**(metadata or {}), **own}, dtype)


def save_tensors(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str], dtype: torch.dtype = torch.float32
) -> Path:
    """Write named tensors to `path`, all or nothing: a reader sees the old file or the new one.

    Raises OutputError where the folder cannot be written, and WeightError where `dtype` is too narrow.
    """
    path = Path(path)
    stored = {name: _cast(name, tensor, dtype) for name, tensor in tensors.items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(stored, partial, dict(metadata))
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write {path} ({error}); choose a folder that exists and is writable") from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors, floating ones as float32, and metadata of any safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: _widen(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no mapping)
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise WeightError(f"it cannot be read ({error}); download it again") from error


def check_kind(metadata: Mapping[str, str], kind: str) -> None:
    """Raise WeightError when the file says that it holds something else; one that says nothing may be anything."""
    found = metadata.get(KIND, kind)
    if found != kind:
        raise WeightError(f"it holds a {found}, not a {kind}; pass a {kind} file")


def conv_clamp(metadata: Mapping[str, str]) -> float | None:
    """The activation bound of a generator, the one number that no tensor tells."""
    return float(metadata["conv_clamp"]) if "conv_clamp" in metadata else None


def _cast(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    stored = tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
    if not torch.equal(stored.isfinite(), tensor.detach().cpu().isfinite()):
        raise WeightError(f"{name} overflows {dtype}; save it as float32")
    return stored


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
