"""Convert a generator to the format of another project, and compare images rendered from both files.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from styleclip.errors import OutputError, UsageError, WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import MAPPING_LR_MUL
from styleclip.networks.layers import fir_taps
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.storage.files import atomic_path
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.formats.registry import read_one
from styleclip.weights.formats.stylegan3_configs import EXACT_BUFFERS
from styleclip.weights.load import load_generator
from styleclip.weights.locate import generator_file

Target = Literal["styleclip", "rosinality", "nvidia"]
Writer = Callable[[Generator, Path, torch.dtype, Mapping[str, str]], None]
SUFFIXES: dict[str, Target] = {".safetensors": "styleclip", ".pt": "rosinality", ".pth": "rosinality"}
TRUNCATIONS = (1.0, 0.5)  # psi of the images that are compared; the second depends on w_avg as well
MAX_DIFFERENCE = 1e-4  # of any pixel, for float32 files


@dataclass(frozen=True)
class Conversion:
    """A converted file, and the difference of its images from those of the source."""

    path: Path
    format: Target
    dtype: str
    difference: float  # the largest of any pixel, in [-1, 1]
    images: int


def convert(
    source: str | Path,
    out: str | Path,
    to: Target | None = None,
    dtype: torch.dtype = torch.float32,
    label: int | None = None,
    overwrite: bool = False,
    fetch: Fetch = fetch,
    amount: float = 1.0,
    parent_layers: Sequence[int] = (),
) -> Conversion:
    """Write the generator of a file, name or URL to `out`, in the format `to` (None: that of its suffix).

    One that was adapted is written at an `amount` and with some `parent_layers` (`Adapted.mix`), without its parent.
    Images are rendered from both files before the result is moved to `out`. Raises UsageError for an `out` that exists
    or has the suffix of another format, WeightError where the images of a float32 file differ, and OutputError where
    `out` cannot be written.
    """
    out = Path(out)
    target = _output_format(out, to)
    _check_output(out, Path(source), overwrite)
    path = generator_file(str(source), fetch)
    _check_output(out, path, overwrite)  # again: only now is the file of a name known
    generator = load_generator(path, label, amount, parent_layers)
    with _replace_on_success(out) as partial:
        WRITERS[target](generator, partial, dtype, _origin_metadata(path, label))
        difference = largest_difference(generator, load_generator(partial))
        if not difference <= (MAX_DIFFERENCE if dtype == torch.float32 else torch.inf):
            reason = f"as {target} its pictures would differ by {difference:.2g}, so nothing was written"
            raise WeightError(f"{path}: {reason}; convert it to another format")
    return Conversion(out, target, str(dtype).removeprefix("torch."), difference, len(TRUNCATIONS))


@torch.no_grad()
def largest_difference(one: Generator, other: Generator) -> float:
    """The largest difference of any pixel over a few seeded images, with `const` noise."""
    z = torch.randn(len(TRUNCATIONS), one.config.z_dim, generator=torch.Generator().manual_seed(0))
    differences = []
    for row, psi in zip(z, TRUNCATIONS, strict=True):
        a, b = (each(each.truncate(Latent(Space.Z, row[None]), psi)) for each in (one, other))
        differences.append((a - b).abs().max())
    return float(torch.stack(differences).max())  # NaN stays NaN


def _output_format(out: Path, to: Target | None) -> Target:
    """The format `to`, or else that of the suffix; raises UsageError where they contradict each other."""
    usual = SUFFIXES.get(out.suffix.lower())
    if usual is None or (to and (to == "styleclip") != (usual == "styleclip")):
        wanted = to or "any of the formats"
        ends = "end it in .safetensors for styleclip, and in .pt for rosinality and nvidia"
        raise UsageError(f"{out.name} is not a name for {wanted}; {ends}")
    return to or usual


def _check_output(out: Path, source: Path, overwrite: bool) -> None:
    """Raise UsageError or OutputError, before the conversion begins, where `out` cannot be written."""
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"{out} is the file to be converted; choose another name for the result")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name a file in it")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; pass --overwrite or choose another name")
    if not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise OutputError(f"cannot write {out}; choose a folder that exists and is writable")


def _origin_metadata(path: Path, label: int | None) -> dict[str, str]:
    """Metadata of a converted file: the source, its class label and its licence."""
    licence = read_one(path, "generator").licence
    metadata = {"source": path.name, "label": "" if label is None else str(label), "licence": licence}
    return {key: text for key, text in metadata.items() if text}


@contextmanager
def _replace_on_success(out: Path) -> Iterator[Path]:
    """`atomic_path`, with the remedy of a conversion."""
    try:
        with atomic_path(out) as temporary:
            yield temporary
    except OutputError as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise OutputError(f"cannot write {out} ({reason}); choose a folder with room that is writable") from error


def _write_styleclip(generator: Generator, path: Path, dtype: torch.dtype, origin: Mapping[str, str]) -> None:
    save_generator(generator, path, origin, dtype)


def _write_rosinality(generator: Generator, path: Path, dtype: torch.dtype, _: Mapping[str, str]) -> None:
    config = generator.config
    if not isinstance(config, StyleGAN2Config):
        raise WeightError("rosinality's format is one of StyleGAN2, and this is a StyleGAN3; use --to nvidia")
    if {config.z_dim, *config.mapping_widths} != {config.w_dim}:
        widths = f"its z has {config.z_dim} and its mapping network {', '.join(map(str, config.mapping_widths))}"
        raise WeightError(f"in rosinality's format z is as wide as w, {config.w_dim}, but {widths}; use --to nvidia")
    if not _has_rosinality_channels(config.channels):
        channels = " ".join(map(str, config.channels.values()))
        _warn(f"rosinality's code builds no generator of {channels} channels; to load the file it must be changed")
    _warn_of_clamp(generator, "rosinality's format")
    _torch_save(rosinality.export_generator(_tensors(generator, dtype)), path)


def _write_nvidia(generator: Generator, path: Path, dtype: torch.dtype, _: Mapping[str, str]) -> None:
    _warn_of_clamp(generator, "a state dict")
    tensors = _tensors(generator, dtype)
    blocks = {name.removesuffix(".torgb.weight") for name in tensors if name.endswith(".torgb.weight")}
    convolutions = {name.removesuffix(".noise_const") for name in tensors if name.endswith(".noise_const")}
    filters = {f"{name}.resample_filter": torch.outer(fir_taps(), fir_taps()) for name in blocks | convolutions}
    _torch_save({**tensors, **filters}, path)


def _tensors(generator: Generator, dtype: torch.dtype) -> dict[str, Tensor]:
    """Copies of all tensors; the mapping network is rescaled to the usual `lr_mul` of 0.01."""
    ratio = generator.config.mapping_lr_mul / MAPPING_LR_MUL
    tensors = {}
    for name, tensor in generator.state_dict().items():
        scaled = tensor * ratio if name.startswith("mapping.fc") else tensor
        tensors[name] = scaled.to(tensor.dtype if name.endswith(EXACT_BUFFERS) else dtype, copy=True)
        if not tensors[name].isfinite().all():
            raise WeightError(f"{name} overflows {dtype}; save it as float32")
    return tensors


def _has_rosinality_channels(channels: Mapping[int, int]) -> bool:
    """Whether a `channel_multiplier` m gives these channels: 512 up to 32 px, m * 16384 / R at R px."""
    products = {side * width for side, width in channels.items() if side > 32}
    return all(channels[side] == 512 for side in channels if side <= 32) and len(products) <= 1


def _warn_of_clamp(generator: Generator, where: str) -> None:
    usual = StyleGAN3Config.conv_clamp if isinstance(generator.config, StyleGAN3Config) else None
    if generator.config.conv_clamp not in (None, usual):
        _warn(f"{where} has no place for the clamp of activations at {generator.config.conv_clamp:g}; it is left out")


def _warn(message: str) -> None:
    warnings.warn(message, WeightWarning, stacklevel=2)


def _torch_save(value: Any, path: Path) -> None:
    buffer = io.BytesIO()  # torch.save on a full disk raises an error that does not name the cause
    torch.save(value, buffer)
    path.write_bytes(buffer.getbuffer())


WRITERS: dict[Target, Writer] = {
    "styleclip": _write_styleclip,
    "rosinality": _write_rosinality,
    "nvidia": _write_nvidia,
}
