"""State dicts of rosinality's StyleGAN2, the naming of StyleCLIP, e4e, pSp and StyleGAN-NADA; ours is NVIDIA's.

Both hold the same numbers: no weight is flipped, scaled or transposed, only axes of length 1 come and go. One table
per network, `generator_keys` and `discriminator_keys`, is read in both directions.
"""

import math
import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.networks import stylegan2
from styleclip.networks.layers import fir_taps
from styleclip.weights.formats.content import Content, FileTree
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, read_tensors
from styleclip.weights.state_dict import check_keys, load_strict, on_meta

FORMAT = "rosinality stylegan2-pytorch"
LICENCE = "weights that derive from NVIDIA's StyleGAN2 are non-commercial (Nvidia Source Code License-NC)"
WIDEST = 4096  # layer of a mapping network that is averaged; all published ones have 512
AVERAGE_SAMPLES = 4096  # as StyleCLIP's mean_latent(4096), but seeded


class KeyMap(NamedTuple):
    """One tensor under both names; theirs has this many axes of length 1 more, before and after ours."""

    ours: str
    theirs: str
    before: int = 0
    after: int = 0

    def to_ours(self, tensor: Tensor) -> Tensor:
        shape = tensor.shape[self.before : tensor.ndim - self.after]
        if math.prod(shape) != tensor.numel():
            raise WeightError(f"{self.theirs} has the shape {list(tensor.shape)}; pass a file of this architecture")
        return tensor.reshape(shape)

    def to_theirs(self, tensor: Tensor) -> Tensor:
        return tensor.reshape((1,) * self.before + tuple(tensor.shape) + (1,) * self.after)


def contents(tree: FileTree) -> list[Content]:
    """rosinality's files (`g_ema`, `latent_avg`, `d`; StyleGAN-NADA's too) and bare state dicts in its names."""
    table = tree.table()
    if is_generator(table):
        return [generator_part(table, None)]
    if not is_generator(tree.table("g_ema")):
        return []
    found = [generator_part(tree.table("g_ema"), table.get("latent_avg"))]
    critic = tree.table("d")
    if critic:
        found.append(Content("discriminator", FORMAT, lambda: import_discriminator(read_tensors(critic)), {}, LICENCE))
    return found


def generator_part(table: Mapping[str, Any], latent_avg: Any) -> Content:
    """The generator in `table`; `latent_avg` is a LazyTensor tensor, or None where the file has none."""

    def read() -> dict[str, Tensor]:
        average = latent_avg.read() if isinstance(latent_avg, LazyTensor) else None
        return import_generator(read_tensors(table), average)

    return Content("generator", FORMAT, read, {}, LICENCE)


def is_generator(tensors: Mapping[str, object]) -> bool:
    """Whether these are the names of a rosinality generator."""
    return any(name.startswith(("to_rgb1.", "style.1.")) for name in tensors)


def import_generator(tensors: Mapping[str, Tensor], latent_avg: Tensor | None = None) -> dict[str, Tensor]:
    """rosinality's `g_ema` and `latent_avg` ([w_dim] or [n_latent, w_dim]) -> a state dict in our names.

    What an old or a training file lacks is made deterministically, with a warning: noise buffers (drawn from a
    seeded generator) and the average w (the mean of 4096 seeded samples).
    """
    tensors = _without_kernels(tensors)
    depth = _last_index(tensors, r"style\.(\d\d?)\.")
    keys = generator_keys(2 ** (_last_index(tensors, r"to_rgbs\.(\d)\.") + 3), depth)  # one digit: up to 4096 px
    if not any(name.startswith("noises.") for name in tensors):
        tensors |= _seeded_noise(keys)
        told = "the file has no noise buffers; seeded ones are used, so fine detail is our own"
        warnings.warn(told, WeightWarning, stacklevel=2)
    ours = _import(tensors, keys)
    if latent_avg is None:
        ours["mapping.w_avg"] = _mean_w(ours, depth)
        told = "the file has no average latent; the mean of 4096 seeded samples is used"
        warnings.warn(told, WeightWarning, stacklevel=2)
    else:
        ours["mapping.w_avg"] = latent_avg.reshape(-1, latent_avg.shape[-1])[0]
    return ours


def export_generator(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor] | Tensor]:
    """The state dict of a `Generator` -> `{"g_ema": ..., "latent_avg": ...}`, ready for `torch.save`."""
    resolution = _last_index(tensors, r"synthesis\.b(\d+)\.")
    keys = generator_keys(resolution, 1 + _last_index(tensors, r"mapping\.fc(\d+)\."))
    theirs = _export(tensors, keys)
    for k in range(round(math.log2(resolution)) - 2):
        theirs[f"convs.{2 * k}.conv.blur.kernel"] = fir_kernel(gain=4)
        theirs[f"to_rgbs.{k}.upsample.kernel"] = fir_kernel(gain=4)
    return {"g_ema": theirs, "latent_avg": tensors["mapping.w_avg"]}


def import_discriminator(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """rosinality's `d` -> a state dict in our names."""
    tensors = _without_kernels(tensors)
    return _import(tensors, discriminator_keys(2 ** (_last_index(tensors, r"convs\.(\d)\.") + 2)))


def export_discriminator(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a `Discriminator` -> rosinality's names."""
    resolution = _last_index(tensors, r"b(\d+)\.")
    theirs = _export(tensors, discriminator_keys(resolution))
    for k in range(1, round(math.log2(resolution)) - 1):
        theirs[f"convs.{k}.conv2.0.kernel"] = fir_kernel()
        theirs[f"convs.{k}.skip.0.kernel"] = fir_kernel()
    return theirs


def generator_keys(resolution: int, depth: int) -> list[KeyMap]:
    """Every tensor of a generator with `depth` mapping layers, except the average w and the FIR filters."""
    keys = [key for i in range(depth) for key in _linear(f"mapping.fc{i}", f"style.{i + 1}")]
    keys += [KeyMap("synthesis.b4.const", "input.input", before=1)]
    keys += _conv("synthesis.b4.conv1", "conv1", noise=0) + _torgb("synthesis.b4.torgb", "to_rgb1")
    for k in range(round(math.log2(resolution)) - 2):
        block = f"synthesis.b{2 ** (k + 3)}"
        keys += _conv(f"{block}.conv0", f"convs.{2 * k}", noise=2 * k + 1)
        keys += _conv(f"{block}.conv1", f"convs.{2 * k + 1}", noise=2 * k + 2)
        keys += _torgb(f"{block}.torgb", f"to_rgbs.{k}")
    return keys


def discriminator_keys(resolution: int) -> list[KeyMap]:
    """Every tensor of a discriminator, except the FIR filters."""
    keys = _layer(f"b{resolution}.fromrgb", "convs.0.0", "convs.0.1")
    for k in range(1, round(math.log2(resolution)) - 1):
        ours, theirs = f"b{resolution // 2 ** (k - 1)}", f"convs.{k}"
        keys += _layer(f"{ours}.conv0", f"{theirs}.conv1.0", f"{theirs}.conv1.1")
        keys += _layer(f"{ours}.conv1", f"{theirs}.conv2.1", f"{theirs}.conv2.2")
        keys += [KeyMap(f"{ours}.skip.weight", f"{theirs}.skip.1.weight")]
    keys += _layer("b4.conv", "final_conv.0", "final_conv.1")
    return keys + _linear("b4.fc", "final_linear.0") + _linear("b4.out", "final_linear.1")


def fir_kernel(gain: float = 1.0) -> Tensor:
    """The [4, 4] filter that rosinality stores with every resampling layer; it sums to `gain`."""
    return gain * torch.outer(fir_taps(), fir_taps())


def _conv(ours: str, theirs: str, noise: int) -> list[KeyMap]:
    return [
        *_modulated(ours, theirs),
        KeyMap(f"{ours}.bias", f"{theirs}.activate.bias"),
        KeyMap(f"{ours}.noise_strength", f"{theirs}.noise.weight", before=1),
        KeyMap(f"{ours}.noise_const", f"noises.noise_{noise}", before=2),
    ]


def _torgb(ours: str, theirs: str) -> list[KeyMap]:
    return [*_modulated(ours, theirs), KeyMap(f"{ours}.bias", f"{theirs}.bias", before=1, after=2)]


def _modulated(ours: str, theirs: str) -> list[KeyMap]:
    affine = _linear(f"{ours}.affine", f"{theirs}.conv.modulation")
    return [KeyMap(f"{ours}.weight", f"{theirs}.conv.weight", before=1), *affine]


def _linear(ours: str, theirs: str) -> list[KeyMap]:
    return _layer(ours, theirs, theirs)


def _layer(ours: str, weight: str, bias: str) -> list[KeyMap]:
    return [KeyMap(f"{ours}.weight", f"{weight}.weight"), KeyMap(f"{ours}.bias", f"{bias}.bias")]


def _import(tensors: Mapping[str, Tensor], keys: list[KeyMap]) -> dict[str, Tensor]:
    check_keys({key.theirs: None for key in keys}, tensors)
    return {key.ours: key.to_ours(tensors[key.theirs]) for key in keys}


def _export(tensors: Mapping[str, Tensor], keys: list[KeyMap]) -> dict[str, Tensor]:
    return {key.theirs: key.to_theirs(tensors[key.ours]) for key in keys}


def _without_kernels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(".kernel")}


def _last_index(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """The largest number that the first group of `pattern` matches in any name."""
    found = [int(match[1]) for match in (re.match(pattern, name) for name in tensors) if match]
    if not found:
        raise WeightError(f"no tensor is named like {pattern}; pass a StyleGAN2 file")
    return max(found)


def _seeded_noise(keys: list[KeyMap]) -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(0)
    noises: dict[str, Tensor] = {}
    for key in keys:
        if key.ours.endswith("noise_const"):
            side = int(key.ours.split(".")[1].removeprefix("b"))
            noises[key.theirs] = torch.randn(1, 1, side, side, generator=source)
    return noises


def _mean_w(ours: Mapping[str, Tensor], depth: int) -> Tensor:
    weights = [ours[f"mapping.fc{i}.weight"] for i in range(depth)]
    if max(max(weight.shape) for weight in weights) > WIDEST:
        raise WeightError(f"its mapping network is wider than {WIDEST}; do not trust it")
    mapping = on_meta(lambda: stylegan2.Mapping(weights[0].shape[1], [len(weight) for weight in weights]))
    layers = {name.removeprefix("mapping."): tensor for name, tensor in ours.items() if name.startswith("mapping.")}
    load_strict(mapping, {**layers, "w_avg": torch.zeros(len(weights[-1]))})
    z = torch.randn(AVERAGE_SAMPLES, weights[0].shape[1], generator=torch.Generator().manual_seed(0))
    average: Tensor = mapping(z).mean(dim=0)
    return average
