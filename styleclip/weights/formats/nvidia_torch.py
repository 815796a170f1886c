"""NVIDIA's PyTorch pickles of StyleGAN2: stylegan2-ada-pytorch, the stylegan3 repository, PTI and StyleGAN-NADA.

A pickle is a dict of the networks `G_ema`, `G` and `D`; PTI saves one generator with `torch.save`. Every module in it
has its class, its attributes and its source code, which is never run. The tensors have our names; the attributes
configure the network, and values that ours does not support are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
from styleclip.weights.formats.nested import find_state_dicts, without_plain_values
from styleclip.weights.formats.noise_buffers import add_noise
from styleclip.weights.formats.nvidia_rules import Module, check_attributes, discriminator_rules, generator_rules
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, named_tensors, read_tensor

FORMAT = "NVIDIA stylegan2-ada-pytorch or stylegan3"
NO_MOVING_AVERAGE = "the file has no moving average G_ema; the generator of its last training step, G, is used"
LICENCE = "NVIDIA's networks are for non-commercial research and evaluation (Nvidia Source Code License-NC)"
STATE_DICT_FORMAT = "state dict in NVIDIA's names"
STATE_DICT_LICENCE = "if it derives from NVIDIA's StyleGAN2, for non-commercial use (Nvidia Source Code License-NC)"
CONSTANT = "synthesis.b4.const"  # the tensor by which a state dict of a generator is recognised
PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
MAX_MODULES, MAX_TENSORS = 1000, 10_000  # of a network; a generator of 1024 px has 73 and 200
MAX_PATH_CHARS = 1000  # of a dotted path
GENERATOR_CLASSES = {
    "Generator", "MappingNetwork", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer", "ToRGBLayer",
    "FullyConnectedLayer",
}  # fmt: skip
DISCRIMINATOR_CLASSES = {
    "Discriminator", "MappingNetwork", "DiscriminatorBlock", "DiscriminatorEpilogue", "MinibatchStdLayer",
    "Conv2dLayer", "FullyConnectedLayer",
}  # fmt: skip
UNSUPPORTED_CLASSES = {
    "SynthesisInput": "an alias-free StyleGAN3 or a StyleGAN-XL, another architecture",
    "SuperresGenerator": "a StyleGAN-XL, another architecture",
}


def contents(tree: FileTree) -> list[Content]:
    """The generator (`G_ema`, else `G`) and the discriminator (`D`) of a pickle, or the one network of a torch file.

    A state dict of a generator, in a file of any kind, under any key and with any prefix, is read as well.
    """
    if tables := find_state_dicts(tree, lambda names: CONSTANT in names, CONSTANT, ("G_ema", "G")):
        first = tables[0]
        lacks = () if first.is_moving_average or "g" not in map(str.lower, first.keys) else (NO_MOVING_AVERAGE,)
        build = partial(_state_dict_generator, first.tensors, lacks)
        return [attempt("generator", STATE_DICT_FORMAT, STATE_DICT_LICENCE, build)]
    networks = _networks(tree)
    origin = "PTI" if tree.container == "torch" else FORMAT
    found = []
    if generator := networks.get("G_ema") or networks.get("G"):
        lacks = () if "G_ema" in networks else (NO_MOVING_AVERAGE,)
        found.append(attempt("generator", origin, LICENCE, lambda: _generator(_modules(generator), origin, lacks)))
    if discriminator := networks.get("D"):
        found.append(attempt("discriminator", origin, LICENCE, lambda: _discriminator(_modules(discriminator), origin)))
    return found


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


def _generator(modules: list[Module], origin: str, lacks: tuple[str, ...]) -> Content:
    _check_classes(modules, GENERATOR_CLASSES)
    clamp = _attribute(modules, "synthesis.b4.conv1", "conv_clamp")
    lr_mul = _attribute(modules, "mapping.fc0", "bias_gain")
    blocks = sum(module.kind == "SynthesisBlock" for module in modules)
    img_channels = _shape(modules, "synthesis.b4.torgb", "weight")[:1]
    check_attributes(modules, generator_rules(blocks, clamp, lr_mul, *img_channels))
    tensors, averaged = add_average(_tensors(modules), lr_mul)
    tensors, warnings = add_noise(tensors)
    return generator_content(origin, tensors, LICENCE, clamp, lr_mul, (*lacks, *warnings, *averaged))


def _discriminator(modules: list[Module], origin: str) -> Content:
    _check_classes(modules, DISCRIMINATOR_CLASSES)
    if classes := _attribute(modules, "", "c_dim"):
        raise WeightError(
            f"its discriminator is conditional on {short_repr(classes)} classes, which is not supported; "
            "pass one without classes"
        )
    clamp = _attribute(modules, "b4.conv", "conv_clamp")
    check_attributes(modules, discriminator_rules(clamp))
    group_size = _attribute(modules, "b4.mbstd", "group_size")
    return discriminator_content(origin, _tensors(modules), LICENCE, clamp, group_size)


def _networks(tree: FileTree) -> dict[str, InertObject]:
    if _is_module(tree.value):
        kind = tree.value.arguments[0]["class_name"]
        return {"D" if kind == "Discriminator" else "G_ema": tree.value}
    return {str(name): value for name, value in tree.table().items() if _is_module(value)}


def _is_module(value: Any) -> bool:
    return isinstance(value, InertObject) and value.name == PERSISTENT


def _modules(network: InertObject) -> list[Module]:
    """The network and all its submodules, in the order of its state dict."""
    found = []
    for module in _walk(network, ""):
        found.append(module)
        if len(found) > MAX_MODULES:
            raise WeightError(f"a network in it has more than {MAX_MODULES} modules; do not trust it")
        if len(module.path) > MAX_PATH_CHARS:
            raise WeightError(f"a module in it has a name of more than {MAX_PATH_CHARS} characters; do not trust it")
    return found


def _walk(value: Any, path: str) -> Iterator[Module]:
    module = Module(path, *_class_and_state(value))
    yield module
    for name, child in module.state.get("_modules", {}).items():
        if child is not None:
            yield from _walk(child, f"{path}.{name}".lstrip("."))


def _class_and_state(value: Any) -> tuple[str, Mapping[str, Any]]:
    """The class name and the attributes of a module; the type name and {} for any other value."""
    if _is_module(value):
        return short_repr(value.arguments[0]["class_name"]), value.arguments[0]["state"]
    return (value.name, value.state) if isinstance(value, InertObject) else (type(value).__name__, {})


def _attribute(modules: list[Module], path: str, name: str) -> Any:
    """An attribute of the module with this path; None where there is no such module or attribute."""
    return next((module.state.get(name) for module in modules if module.path == path), None)


def _shape(modules: list[Module], path: str, name: str) -> tuple[int, ...]:
    """The shape of a parameter of the module with this path; () where there is none."""
    parameters = _attribute(modules, path, "_parameters") or {}
    return tuple(getattr(parameters.get(name), "shape", ()))


def _check_classes(modules: list[Module], known: Collection[str]) -> None:
    for module in modules:
        if module.kind in UNSUPPORTED_CLASSES:
            raise WeightError(f"it is {UNSUPPORTED_CLASSES[module.kind]}; pass a StyleGAN2")
    for module in modules:
        if module.kind not in known:
            where = module.path or "network"
            raise WeightError(f"its {where} is of the class {module.kind}; pass an unchanged StyleGAN2")


def _tensors(modules: list[Module]) -> dict[str, AnyTensor]:
    stored: dict[str, Any] = {}
    zero_noise: dict[str, Tensor] = {}
    for path, _, state in modules:
        kept = {**state["_parameters"], **state["_buffers"]}
        hidden = state.get("_non_persistent_buffers_set", set())
        if len(stored) + len(kept) > MAX_TENSORS or not isinstance(hidden, set):
            raise WeightError(f"a network in it has more than {MAX_TENSORS} tensors, or hides them; do not trust it")
        stored |= {f"{path}.{name}".lstrip("."): t for name, t in kept.items() if t is not None and name not in hidden}
        if not state.get("use_noise", True):  # the same as noise of strength 0
            zero_noise |= _zero_noise(path, state["resolution"], stored.get("synthesis.b4.const"))
    return {**remove_filters(named_tensors(stored)), **zero_noise}


def _zero_noise(path: str, resolution: int, constant: Any) -> dict[str, Tensor]:
    """Noise of strength 0 for a layer of the block b{resolution}; expanded, as it may be too large to allocate."""
    size = block_size(CONSTANT_SIZE if constant is None else tuple(constant.shape[1:]), resolution)
    noise = torch.zeros([]).expand(*size)
    return {f"{path}.noise_strength": torch.zeros([]), f"{path}.noise_const": noise}
