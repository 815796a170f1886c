"""NVIDIA's PyTorch pickles: stylegan2-ada-pytorch, the stylegan3 repository, PTI and StyleGAN-NADA.

A pickle is a dict of the networks `G_ema`, `G` and `D`; PTI saves one generator with `torch.save`. Every module in it
has its class, its attributes and its source code, which is never run. The tensors have our names; the attributes
configure the network, and values that ours does not support are refused. A StyleGAN3 is known by a module of its own
and read by `nvidia_stylegan3`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.layers import fir_taps
from styleclip.networks.stylegan2 import CONSTANT_SIZE, block_size
from styleclip.weights.formats.average_w import add_average
from styleclip.weights.formats.configs import Tensors
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.generator_configs import discriminator_content, generator_content
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.formats.nested import StateDict, find_state_dicts, without_plain_values
from styleclip.weights.formats.noise_buffers import add_noise
from styleclip.weights.formats.nvidia_modules import (
    Module,
    attribute,
    check_classes,
    modules_of,
    networks,
    parameter_shape,
    stored_tensors,
)
from styleclip.weights.formats.nvidia_rules import check_attributes, discriminator_rules, generator_rules
from styleclip.weights.formats.nvidia_stylegan3 import INPUT_CLASS, pickled_stylegan3, state_dict_stylegan3
from styleclip.weights.formats.stylegan3_configs import FREQUENCIES
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, named_tensors, read_tensor

FORMAT = "NVIDIA stylegan2-ada-pytorch or stylegan3"
NO_MOVING_AVERAGE = "the file has no moving average G_ema; the generator of its last training step, G, is used"
LICENCE = "NVIDIA's networks are for non-commercial research and evaluation (Nvidia Source Code License-NC)"
STATE_DICT_FORMAT = "state dict in NVIDIA's names"
STATE_DICT_LICENCE = "if it derives from NVIDIA's StyleGAN2, for non-commercial use (Nvidia Source Code License-NC)"
CONSTANT = "synthesis.b4.const"  # the tensor by which a state dict of a generator is recognised
GENERATOR_CLASSES = {
    "Generator", "MappingNetwork", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer", "ToRGBLayer",
    "FullyConnectedLayer",
}  # fmt: skip
DISCRIMINATOR_CLASSES = {
    "Discriminator", "MappingNetwork", "DiscriminatorBlock", "DiscriminatorEpilogue", "MinibatchStdLayer",
    "Conv2dLayer", "FullyConnectedLayer",
}  # fmt: skip


def contents(tree: FileTree) -> list[Content]:
    """The generator (`G_ema`, else `G`) and the discriminator (`D`) of a pickle, or the one network of a torch file.

    A state dict of a generator, in a file of any kind, under any key and with any prefix, is read as well.
    """
    if tables := find_state_dicts(tree, lambda names: CONSTANT in names, CONSTANT, ("G_ema", "G")):
        build = partial(_state_dict_generator, tables[0].tensors, _lacks(tables[0]))
        return [attempt("generator", STATE_DICT_FORMAT, STATE_DICT_LICENCE, build)]
    if tables := find_state_dicts(tree, lambda names: FREQUENCIES in names, FREQUENCIES, ("G_ema", "G")):
        return [state_dict_stylegan3(tables[0].tensors, _lacks(tables[0]))]
    held = networks(tree)
    origin = "PTI" if tree.container == "torch" else FORMAT
    found = []
    if generator := held.get("G_ema") or held.get("G"):
        lacks = () if "G_ema" in held else (NO_MOVING_AVERAGE,)
        found.append(attempt("generator", origin, LICENCE, partial(_generator, generator, origin, lacks)))
    if discriminator := held.get("D"):
        found.append(attempt("discriminator", origin, LICENCE, partial(_discriminator, discriminator, origin)))
    return found


def _lacks(found: StateDict) -> tuple[str, ...]:
    """The warning for a state dict of the last training step."""
    return () if found.is_moving_average or "g" not in map(str.lower, found.keys) else (NO_MOVING_AVERAGE,)


def remove_filters(tensors: Tensors) -> dict[str, AnyTensor]:
    """The tensors without the FIR filters, which are constants of our networks; WeightError for another filter."""
    usual = torch.outer(fir_taps(), fir_taps())
    filters = {name for name in tensors if name.endswith("resample_filter")}
    for name in filters:
        taps = tensors[name]
        if tuple(taps.shape) != tuple(usual.shape) or not torch.allclose(read_tensor(taps).float(), usual):
            raise WeightError(f"{name} is not the filter [1, 3, 3, 1], the only one supported; pass another StyleGAN2")
    return {name: tensor for name, tensor in tensors.items() if name not in filters}


def _state_dict_generator(table: Mapping[str, Any], lacks: tuple[str, ...]) -> Content:
    tensors, averaged = add_average(remove_filters(named_tensors(without_plain_values(table))))
    tensors, warnings = add_noise(tensors)
    return generator_content(STATE_DICT_FORMAT, tensors, STATE_DICT_LICENCE, warnings=(*lacks, *warnings, *averaged))


def _generator(network: InertObject, origin: str, lacks: tuple[str, ...]) -> Content:
    modules = modules_of(network)
    if any(module.kind == INPUT_CLASS for module in modules):
        return pickled_stylegan3(modules, lacks)
    check_classes(modules, GENERATOR_CLASSES)
    clamp = attribute(modules, "synthesis.b4.conv1", "conv_clamp")
    lr_mul = attribute(modules, "mapping.fc0", "bias_gain")
    blocks = sum(module.kind == "SynthesisBlock" for module in modules)
    img_channels = parameter_shape(modules, "synthesis.b4.torgb", "weight")[:1]
    check_attributes(modules, generator_rules(blocks, clamp, lr_mul, *img_channels))
    tensors, averaged = add_average(_tensors(modules), lr_mul)
    tensors, warnings = add_noise(tensors)
    return generator_content(origin, tensors, LICENCE, clamp, lr_mul, (*lacks, *warnings, *averaged))


def _discriminator(network: InertObject, origin: str) -> Content:
    modules = modules_of(network)
    check_classes(modules, DISCRIMINATOR_CLASSES)
    if classes := attribute(modules, "", "c_dim"):
        raise WeightError(
            f"its discriminator is conditional on {short_repr(classes)} classes, which is not supported; "
            "pass one without classes"
        )
    clamp = attribute(modules, "b4.conv", "conv_clamp")
    check_attributes(modules, discriminator_rules(clamp))
    group_size = attribute(modules, "b4.mbstd", "group_size")
    return discriminator_content(origin, _tensors(modules), LICENCE, clamp, group_size)


def _tensors(modules: list[Module]) -> dict[str, AnyTensor]:
    stored = stored_tensors(modules)
    zero_noise: dict[str, Tensor] = {}
    for path, _, state in modules:
        if not state.get("use_noise", True):  # the same as noise of strength 0
            zero_noise |= _zero_noise(path, state["resolution"], stored.get(CONSTANT))
    return {**remove_filters(named_tensors(stored)), **zero_noise}


def _zero_noise(path: str, resolution: int, constant: Any) -> dict[str, Tensor]:
    """Noise of strength 0 for a layer of the block b{resolution}; expanded, as it may be too large to allocate."""
    size = block_size(CONSTANT_SIZE if constant is None else tuple(constant.shape[1:]), resolution)
    noise = torch.zeros([]).expand(*size)
    return {f"{path}.noise_strength": torch.zeros([]), f"{path}.noise_const": noise}
