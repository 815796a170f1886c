"""Open a weight file of any supported format and hand back the frozen network it holds."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.models.irse import ArcFace
from styleclip.models.stylegan2 import Generator, GeneratorConfig
from styleclip.weights.formats import native, rosinality
from styleclip.weights.formats.containers import read_torch, sniff, unreadable
from styleclip.weights.strict import fill


def load_generator(path: str | Path) -> Generator:
    """The generator in a safetensors file of ours or a torch file of rosinality's or NVIDIA's names, ready to render.

    Raises WeightError for a file that is none of these, is damaged, lacks tensors or has too many.
    """
    path = Path(path)
    with _naming(path):
        contents, metadata = _read(path)
        native.check_kind(metadata, "generator")
        if "g_ema" in contents:
            latent_avg = contents.get("latent_avg")
            tensors = rosinality.import_generator(
                _tensors(contents["g_ema"]), latent_avg if isinstance(latent_avg, Tensor) else None
            )
        else:
            tensors = _tensors(contents)
        return generator_from_state_dict(tensors, native.conv_clamp(metadata))


def load_arcface(path: str | Path) -> ArcFace:
    """The identity network in `model_ir_se50.pth`."""
    tensors = load_state_dict_file(path)
    with _naming(Path(path)), torch.random.fork_rng(devices=[]):
        return fill(ArcFace(), tensors)


def load_state_dict_file(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file that holds a bare state dict, safetensors or torch."""
    with _naming(Path(path)):
        return _tensors(_read(Path(path))[0])


def generator_from_state_dict(tensors: Mapping[str, Tensor], conv_clamp: float | None = None) -> Generator:
    """A frozen generator from its tensors, in NVIDIA's names (which are ours) or rosinality's.

    Every number of the configuration but `conv_clamp` is read from the shapes; FIR filters are recomputed.
    """
    if rosinality.is_generator(tensors):
        tensors = rosinality.import_generator(tensors)
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith("resample_filter")}
    config = generator_config(tensors, conv_clamp)
    with torch.random.fork_rng(devices=[]):  # initial values are about to be overwritten: leave the caller's seed
        return fill(Generator(config), tensors)


def generator_config(tensors: Mapping[str, Tensor], conv_clamp: float | None = None) -> GeneratorConfig:
    """Read resolution, channels, z_dim, w_dim and the mapping's depth from the tensors of a generator, in our names."""
    blocks = [int(match[1]) for match in (re.match(r"synthesis\.b(\d+)\.", name) for name in tensors) if match]
    layers = [int(match[1]) for match in (re.match(r"mapping\.fc(\d+)\.", name) for name in tensors) if match]
    if not blocks or not layers:
        raise WeightError("it has no tensors named synthesis.b4 and mapping.fc0; pass a StyleGAN2 generator")
    resolutions = [2**k for k in range(2, max(blocks).bit_length())]
    return GeneratorConfig(
        z_dim=_size(tensors, "mapping.fc0.weight", axis=1),
        w_dim=_size(tensors, "synthesis.b4.conv1.affine.weight", axis=1),
        mapping_widths=tuple(_size(tensors, f"mapping.fc{i}.weight", axis=0) for i in range(max(layers) + 1)),
        channels={side: _size(tensors, f"synthesis.b{side}.conv1.weight", axis=0) for side in resolutions},
        conv_clamp=conv_clamp,
    )


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _read(path: Path) -> tuple[Mapping[str, object], Mapping[str, str]]:
    """The top-level dict of a file, and the metadata of a safetensors file."""
    container = sniff(path)
    if container == "safetensors":
        return native.read(path)
    if container != "torch":
        raise unreadable(container)
    contents = read_torch(path)
    if not isinstance(contents, dict):
        raise WeightError(f"it holds a {type(contents).__name__}; pass a file with a state dict")
    return contents, {}


def _tensors(contents: object) -> dict[str, Tensor]:
    """`contents` as a state dict, or WeightError where it holds anything but tensors."""
    if not isinstance(contents, Mapping):
        raise WeightError(f"it holds a {type(contents).__name__} instead of tensors; pass a state dict")
    strangers = [str(name) for name, value in contents.items() if not isinstance(value, Tensor)]
    if strangers:
        raise WeightError(f"{strangers[0]} is not a tensor; pass a file with a bare state dict")
    return dict(contents)


def _size(tensors: Mapping[str, Tensor], name: str, axis: int) -> int:
    if name not in tensors:
        raise WeightError(f"the tensor {name} is missing; pass a complete file")
    if tensors[name].ndim <= axis:
        raise WeightError(f"{name} has shape {list(tensors[name].shape)}; pass a StyleGAN2 generator")
    return tensors[name].shape[axis]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the path in front of every WeightError, once."""
    try:
        yield
    except WeightError as error:
        raise WeightError(f"{path}: {error}") from error
