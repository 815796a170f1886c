"""State dicts of rosinality's StyleGAN2, whose names StyleCLIP, e4e, pSp and StyleGAN-NADA use; ours are NVIDIA's.

Both hold the same numbers: no weight is flipped, scaled or transposed, only axes of length 1 differ. One table per
network, `generator_keys` and `discriminator_keys`, serves import and export.
"""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.layers import fir_taps
from styleclip.weights.formats.average_w import NO_AVERAGE, mean_w
from styleclip.weights.formats.configs import Tensors, axis_size
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.generator_configs import discriminator_content, generator_content
from styleclip.weights.formats.nested import find_state_dicts, without_plain_values
from styleclip.weights.formats.noise_buffers import NO_NOISE, SOME_NOISE, seeded_noise
from styleclip.weights.safe_pickle.lazy_tensors import (
    AnyTensor,
    ConvertedTensor,
    LazyTensor,
    named_tensors,
)
from styleclip.weights.state_dict import check_keys

FORMAT = "rosinality stylegan2-pytorch"
LICENCE = "weights that derive from NVIDIA's StyleGAN2 are non-commercial (Nvidia Source Code License-NC)"
AVERAGE_KEYS = ("latent_avg", "mean_latent")
PARALLEL = "module."  # the prefix of a network that was trained by several processes
NO_MOVING_AVERAGE = "the file has no moving average g_ema; the generator of its last training step, g, is used"


class KeyMap(NamedTuple):
    """One tensor under both names; theirs has `before` leading and `after` trailing axes of length 1 more."""

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
    """rosinality's files (`g_ema`, `latent_avg`, `d`), and state dicts in its names.

    The generator may lie under `g_ema`, `g`, `state_dict` or another key, and its names may have a prefix such as
    `module.`, `generator.` or `decoder.`.
    """
    networks = find_state_dicts(tree, is_generator, "to_rgb1.conv.weight", ("g_ema", "g"))
    if not networks:
        return []
    tensors, keys, parent = networks[0]
    is_average = networks[0].is_moving_average or "g" not in map(str.lower, keys)
    found = [generator(*_split_average(tensors, parent, tree.table()), is_average=is_average)]
    discriminator = tree.table("d") if keys[:1] in (("g_ema",), ("g",)) else {}
    return (
        [*found, attempt("discriminator", FORMAT, LICENCE, lambda: _discriminator(discriminator))]
        if discriminator
        else found
    )


def _split_average(*tables: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """The tensors of the first table without the average latent, and that, from the first table that has it."""
    tensors = {name: value for name, value in without_plain_values(tables[0]).items() if name not in AVERAGE_KEYS}
    return tensors, next((table[key] for table in tables for key in AVERAGE_KEYS if key in table), None)


def generator(table: Mapping[str, Any], latent_avg: Any, is_average: bool = True) -> Content:
    """The generator in `table`; `latent_avg` is a LazyTensor, or None where the file has none.

    `is_average` is false for the weights of the last training step, where the moving average is missing.
    """
    average = latent_avg if isinstance(latent_avg, LazyTensor) and latent_avg.shape else None
    return attempt("generator", FORMAT, LICENCE, lambda: _generator(table, average, is_average))


def _generator(table: Mapping[str, Any], latent_avg: LazyTensor | None, is_average: bool) -> Content:
    tensors = named_tensors(table)
    lacks = [NO_AVERAGE] if latent_avg is None else []
    if not is_average:
        lacks.insert(0, NO_MOVING_AVERAGE)
    if _missing_noise(_generator_keys(tensors), tensors):
        lacks.insert(0, SOME_NOISE if any(name.startswith("noises.") for name in tensors) else NO_NOISE)
    return generator_content(FORMAT, import_generator(tensors, latent_avg), LICENCE, warnings=tuple(lacks))


def _discriminator(table: Mapping[str, Any]) -> Content:
    tensors = {name.removeprefix(PARALLEL): tensor for name, tensor in named_tensors(table).items()}
    return discriminator_content(FORMAT, import_discriminator(tensors), LICENCE)


def is_generator(tensors: Collection[str]) -> bool:
    """Whether these are the names of a rosinality generator."""
    return any(name.startswith(("to_rgb1.", "style.1.")) for name in tensors)


def import_generator(tensors: Tensors, latent_avg: AnyTensor | None = None) -> dict[str, LazyTensor]:
    """rosinality's `g_ema` and `latent_avg` ([w_dim] or [n_latent, w_dim]) -> a state dict in our names.

    Where a file lacks them, noise buffers are drawn from a seeded generator, and the average w is the mean of 4096
    seeded samples.
    """
    tensors = _remove_kernels(tensors)
    keys = _generator_keys(tensors)
    if missing := _missing_noise(keys, tensors):
        constant = (axis_size(tensors, "input.input", 2), axis_size(tensors, "input.input", 3))
        noise = seeded_noise(constant, _noise_blocks(keys))
        tensors |= {name: noise[name] for name in missing}
    ours = _import(tensors, keys)
    if latent_avg is None:
        ours["mapping.w_avg"] = mean_w(ours)
    else:
        ours["mapping.w_avg"] = ConvertedTensor(latent_avg, lambda rows: rows.reshape(-1, rows.shape[-1])[0])
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


def import_discriminator(tensors: Tensors) -> dict[str, LazyTensor]:
    """rosinality's `d` -> a state dict in our names."""
    tensors = _remove_kernels(tensors)
    return _import(tensors, discriminator_keys(2 ** (_last_index(tensors, r"convs\.(\d)\.") + 2)))


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
        *_modulated_conv_keys(ours, theirs),
        KeyMap(f"{ours}.bias", f"{theirs}.activate.bias"),
        KeyMap(f"{ours}.noise_strength", f"{theirs}.noise.weight", before=1),
        KeyMap(f"{ours}.noise_const", f"noises.noise_{noise}", before=2),
    ]


def _torgb(ours: str, theirs: str) -> list[KeyMap]:
    return [*_modulated_conv_keys(ours, theirs), KeyMap(f"{ours}.bias", f"{theirs}.bias", before=1, after=2)]


def _modulated_conv_keys(ours: str, theirs: str) -> list[KeyMap]:
    affine = _linear(f"{ours}.affine", f"{theirs}.conv.modulation")
    return [KeyMap(f"{ours}.weight", f"{theirs}.conv.weight", before=1), *affine]


def _linear(ours: str, theirs: str) -> list[KeyMap]:
    return _layer(ours, theirs, theirs)


def _layer(ours: str, weight: str, bias: str) -> list[KeyMap]:
    return [KeyMap(f"{ours}.weight", f"{weight}.weight"), KeyMap(f"{ours}.bias", f"{bias}.bias")]


def _import(tensors: Tensors, keys: list[KeyMap]) -> dict[str, LazyTensor]:
    check_keys({key.theirs: None for key in keys}, tensors)
    return {key.ours: ConvertedTensor(tensors[key.theirs], key.to_ours) for key in keys}


def _export(tensors: Mapping[str, Tensor], keys: list[KeyMap]) -> dict[str, Tensor]:
    return {key.theirs: key.to_theirs(tensors[key.ours]) for key in keys}


def _remove_kernels(tensors: Tensors) -> dict[str, AnyTensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(".kernel")}


def _generator_keys(tensors: Tensors) -> list[KeyMap]:
    depth = _last_index(tensors, r"style\.(\d\d?)\.")
    return generator_keys(2 ** (_last_index(tensors, r"to_rgbs\.(\d)\.") + 3), depth)  # one digit: up to 4096 px


def _noise_blocks(keys: list[KeyMap]) -> dict[str, int]:
    """The resolutions of the noise buffers by their names."""
    return {key.theirs: int(key.ours.split(".")[1][1:]) for key in keys if key.ours.endswith("noise_const")}


def _missing_noise(keys: list[KeyMap], tensors: Tensors) -> list[str]:
    return [name for name in _noise_blocks(keys) if name not in tensors]


def _last_index(tensors: Tensors, pattern: str) -> int:
    """The largest number that the first group of `pattern` matches in any name."""
    found = [int(match[1]) for match in (re.match(pattern, name) for name in tensors) if match]
    if not found:
        name = re.sub(r"\(.*?\)", "N", pattern).replace("\\", "")
        raise WeightError(f"it is no StyleGAN2 known here, since no tensor is called {name}*; pass a StyleGAN2 file")
    return max(found)
