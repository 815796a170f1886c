"""Write a generator in the format of another project, and prove that it still paints the same pictures.

| format | file |
|---|---|
| styleclip | safetensors in our names, with the licence of the source in its metadata |
| rosinality | a torch file `{"g_ema", "latent_avg"}`, which StyleCLIP, e4e and StyleGAN-NADA read too |
| nvidia | a torch file with the state dict of `Generator` in stylegan2-ada-pytorch and stylegan3 |
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from styleclip.errors import OutputError, UsageError, WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.layers import fir_taps
from styleclip.networks.stylegan2 import MAPPING_LR_MUL, Generator
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_generator
from styleclip.weights.locate import generator_file

Target = Literal["styleclip", "rosinality", "nvidia"]
Writer = Callable[[Generator, Path, torch.dtype, Mapping[str, str]], None]
SUFFIXES: dict[str, Target] = {".safetensors": "styleclip", ".pt": "rosinality", ".pth": "rosinality"}
TRUNCATIONS = (1.0, 0.5)  # of the faces that both files render; the second shows that the average w is the same too
TOLERANCE = 1e-4  # of float32 pictures


@dataclass(frozen=True)
class Conversion:
    """What was written, and how far its pictures are from those of the source."""

    path: Path
    format: Target
    dtype: str
    difference: float  # the largest of any pixel, where -1 is black and 1 is white
    images: int


def convert(
    source: str | Path,
    out: str | Path,
    to: Target | None = None,
    dtype: torch.dtype = torch.float32,
    label: int | None = None,
    overwrite: bool = False,
    fetch: Fetch = fetch,
) -> Conversion:
    """Write the generator of a file, name or URL to `out`, in the format `to` (None: as its suffix says).

    Faces are rendered from both files before `out` takes its name. Raises UsageError for an `out` that is in the way
    or named for another format, WeightError where a float32 file paints other pictures, and OutputError.
    """
    out = Path(out)
    target = _target(out, to)
    _check(out, Path(source), overwrite)
    path = generator_file(str(source), fetch)
    _check(out, path, overwrite)  # again: what was a name is now a file
    generator = load_generator(path, label)
    with _replacing(out) as partial:
        WRITERS[target](generator, partial, dtype, _origin(path, label))
        difference = largest_difference(generator, load_generator(partial))
        if not difference <= (TOLERANCE if dtype == torch.float32 else torch.inf):
            reason = f"as {target} its pictures would differ by {difference:.2g}, so nothing was written"
            raise WeightError(f"{path}: {reason}; convert it to another format")
    return Conversion(out, target, str(dtype).removeprefix("torch."), difference, len(TRUNCATIONS))


@torch.no_grad()
def largest_difference(one: Generator, other: Generator) -> float:
    """The largest difference of any pixel over a few seeded faces, with the noise that the files hold."""
    z = torch.randn(len(TRUNCATIONS), one.config.z_dim, generator=torch.Generator().manual_seed(0))
    differences = []
    for row, psi in zip(z, TRUNCATIONS, strict=True):
        a, b = (each(each.truncate(Latent(Space.Z, row[None]), psi)) for each in (one, other))
        differences.append((a - b).abs().max())
    return float(torch.stack(differences).max())  # NaN stays NaN


def _target(out: Path, to: Target | None) -> Target:
    """The format asked for, or else that of the suffix; raises UsageError where they do not go together."""
    usual = SUFFIXES.get(out.suffix.lower())
    if usual is None or (to and (to == "styleclip") != (usual == "styleclip")):
        wanted = to or "any of the formats"
        ends = "end it in .safetensors for styleclip, and in .pt for rosinality and nvidia"
        raise UsageError(f"{out.name} is not a name for {wanted}; {ends}")
    return to or usual


def _check(out: Path, source: Path, overwrite: bool) -> None:
    """Find out before the work begins what would be in its way at the end."""
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"{out} is the file to be converted; choose another name for the result")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name a file in it")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; pass --overwrite or choose another name")
    if not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise OutputError(f"cannot write {out}; choose a folder that exists and is writable")


def _origin(path: Path, label: int | None) -> dict[str, str]:
    """What a converted file shall remember: where it comes from, and on what terms."""
    licence = read_one(path, "generator").licence
    metadata = {"source": path.name, "label": "" if label is None else str(label), "licence": licence}
    return {key: text for key, text in metadata.items() if text}


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A name beside `out` that takes its place when the block ends well; nothing is left of it otherwise."""
    partial = out.with_name(f".{out.name}.{os.getpid()}.converted")
    try:
        yield partial
        os.replace(partial, out)
    except (OSError, OutputError) as error:
        reason = getattr(error, "strerror", None) or error.__cause__ or error
        raise OutputError(f"cannot write {out} ({reason}); choose a folder with room that is writable") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _write_styleclip(generator: Generator, path: Path, dtype: torch.dtype, origin: Mapping[str, str]) -> None:
    save_generator(generator, path, origin, dtype)


def _write_rosinality(generator: Generator, path: Path, dtype: torch.dtype, _: Mapping[str, str]) -> None:
    config = generator.config
    if {config.z_dim, *config.mapping_widths} != {config.w_dim}:
        widths = f"its z has {config.z_dim} and its mapping network {', '.join(map(str, config.mapping_widths))}"
        raise WeightError(f"in rosinality's format z is as wide as w, {config.w_dim}, but {widths}; use --to nvidia")
    if not _is_usual(config.channels):
        channels = " ".join(map(str, config.channels.values()))
        _warn(f"rosinality's code builds no generator of {channels} channels; to load the file it must be changed")
    _warn_of_clamp(generator, "rosinality's format")
    _torch_save(rosinality.export_generator(_tensors(generator, dtype)), path)


def _write_nvidia(generator: Generator, path: Path, dtype: torch.dtype, _: Mapping[str, str]) -> None:
    _warn_of_clamp(generator, "a state dict")
    tensors = _tensors(generator, dtype)
    blocks = {f"synthesis.b{side}" for side in generator.config.channels}
    convolutions = {name.removesuffix(".noise_const") for name in tensors if name.endswith(".noise_const")}
    filters = {f"{name}.resample_filter": torch.outer(fir_taps(), fir_taps()) for name in blocks | convolutions}
    _torch_save({**tensors, **filters}, path)


def _tensors(generator: Generator, dtype: torch.dtype) -> dict[str, Tensor]:
    """Copies of all tensors; a mapping network of an unusual `lr_mul` becomes the same network with the usual one."""
    ratio = generator.config.mapping_lr_mul / MAPPING_LR_MUL
    tensors = {}
    for name, tensor in generator.state_dict().items():
        scaled = tensor * ratio if name.startswith("mapping.fc") else tensor
        tensors[name] = scaled.to(dtype, copy=True)
        if not tensors[name].isfinite().all():
            raise WeightError(f"{name} overflows {dtype}; save it as float32")
    return tensors


def _is_usual(channels: Mapping[int, int]) -> bool:
    """Whether rosinality's `channel_multiplier` m gives them: 512 up to 32 px, and m * 16384 / R at R px."""
    products = {side * width for side, width in channels.items() if side > 32}
    return all(channels[side] == 512 for side in channels if side <= 32) and len(products) <= 1


def _warn_of_clamp(generator: Generator, where: str) -> None:
    if generator.config.conv_clamp is not None:
        _warn(f"{where} has no place for the clamp of activations at {generator.config.conv_clamp:g}; it is left out")


def _warn(message: str) -> None:
    warnings.warn(message, WeightWarning, stacklevel=2)


def _torch_save(value: Any, path: Path) -> None:
    buffer = io.BytesIO()  # torch says of a full disk only that its own writer failed
    torch.save(value, buffer)
    path.write_bytes(buffer.getbuffer())


WRITERS: dict[Target, Writer] = {
    "styleclip": _write_styleclip,
    "rosinality": _write_rosinality,
    "nvidia": _write_nvidia,
}
