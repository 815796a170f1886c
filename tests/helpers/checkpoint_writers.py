"""Files of NVIDIA's projects, written without their code: stand-ins are pickled under the names of the real classes.

    write_nvidia_pickle(path, generator, discriminator, flavour="sg3")
    write_pti(path, generator)
    write_tf_pickle(path, generator, discriminator)

A test that wants an unusual file takes the tree, changes attributes, and saves it:

    network = nvidia_generator(generator)
    network.at("synthesis.b8.conv0")["activation"] = "relu"
    save_pickle({"G_ema": network}, path)
"""

from __future__ import annotations

import pickle
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.networks.latent_mapper import LAYERS as MAPPER_LAYERS
from tests.helpers.nvidia_trees import (
    STAND_INS,
    TRIP_WIRE,
    EasyDict,
    Flavour,
    Network,
    conditional,
    nvidia_discriminator,
    nvidia_generator,
)

PROTOCOLS = {"ada": 3, "sg3": 4}
LAYERS = {
    "fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip", "conv": "Conv", "fc": "Dense0",
}  # fmt: skip
Variables = dict[str, np.ndarray[Any, Any]]


def write_nvidia_pickle(
    path: Path,
    generator: Generator,
    discriminator: Discriminator | None = None,
    flavour: Flavour = "ada",
    c_dim: int = 0,
) -> Path:
    """A snapshot of stylegan2-ada-pytorch, or of the stylegan3 repository; see `conditional` for `c_dim` classes."""
    networks = {
        "G": None,
        "D": None if discriminator is None else nvidia_discriminator(discriminator),
        "G_ema": nvidia_generator(generator, flavour, c_dim),
    }
    about = {"training_set_kwargs": EasyDict(use_labels=c_dim > 0), "augment_pipe": None}
    snapshot = {**about, **networks} if flavour == "ada" else {**networks, **about}
    return save_pickle(snapshot, path, PROTOCOLS[flavour])


def write_pti(path: Path, generator: Generator) -> Path:
    """The file of PTI: one whole module, saved by torch."""
    with foreign_classes():
        torch.save(nvidia_generator(generator), path)
    return path


def write_tf_pickle(
    path: Path, generator: Generator, discriminator: Discriminator | None = None, c_dim: int = 0
) -> Path:
    """A (G, D, Gs) of TensorFlow; D and G have nothing in them unless a discriminator is given, G never."""
    critic = Network() if discriminator is None else tf_discriminator(discriminator)
    return save_pickle((Network(), critic, tf_generator(generator, c_dim)), path, protocol=3)


def save_pickle(value: Any, path: Path, protocol: int = 4) -> Path:
    with foreign_classes(), path.open("wb") as file:
        pickle.dump(value, file, protocol)
    return path


@contextmanager
def foreign_classes() -> Iterator[None]:
    """Let pickle find the stand-ins under the names that they claim."""
    names = ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util", "dnnlib.tflib", "dnnlib.tflib.network")
    modules = {name: types.ModuleType(name) for name in names}
    for stand_in in STAND_INS:
        setattr(modules[stand_in.__module__], stand_in.__name__, stand_in)
    with mock.patch.dict(sys.modules, modules), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates the storages these files are made of
        yield


def tf_generator(generator: Generator, c_dim: int = 0, **arguments: Any) -> Network:
    """The network Gs of a generator; `arguments` are added to its static_kwargs."""
    config = generator.config
    tensors = conditional(generator, c_dim) if c_dim else generator.state_dict()
    own = {
        "num_channels": config.img_channels,
        "resolution": config.resolution,
        "label_size": c_dim,
        "fmap_base": 16 << 10,
    }
    numbers = {"conv_clamp": config.conv_clamp, "mapping_lrmul": config.mapping_lr_mul}
    variables = tf_generator_variables(tensors)
    components = {name: tf_network(name, name, {}, within(variables, name)) for name in ("mapping", "synthesis")}
    average = {"dlatent_avg": variables["dlatent_avg"]}
    return tf_network("Gs", "G_main", {**own, **numbers, **arguments}, average, components)


def tf_discriminator(discriminator: Discriminator, **arguments: Any) -> Network:
    """The network D of a discriminator; `arguments` are added to its static_kwargs."""
    own = {
        "num_channels": 3,
        "resolution": max(discriminator.channels),
        "label_size": 0,
        "resample_kernel": [1, 3, 3, 1],
    }
    numbers = {"mbstd_group_size": discriminator.b4.mbstd_group_size, "conv_clamp": discriminator.b4.conv_clamp}
    variables = tf_discriminator_variables(discriminator.state_dict())
    return tf_network("D", "D_stylegan2", {**own, **numbers, **arguments}, variables)


def tf_network(
    name: str,
    made_by: str,
    arguments: Mapping[str, Any],
    variables: Variables,
    components: Mapping[str, Network] | None = None,
) -> Network:
    network = Network()
    network.__dict__ = {
        "version": 4,
        "name": name,
        "static_kwargs": dict(arguments),
        "components": EasyDict(components or {}),
        "build_module_src": TRIP_WIRE,
        "build_func_name": made_by,
        "variables": list(variables.items()),
    }
    return network


def within(variables: Variables, scope: str) -> Variables:
    return {name.removeprefix(f"{scope}/"): value for name, value in variables.items() if name.startswith(f"{scope}/")}


def tf_generator_variables(tensors: Mapping[str, Tensor]) -> Variables:
    """The tensors of a generator, as TensorFlow names them and lays them out."""
    variables: Variables = {}
    for name, tensor in tensors.items():
        part, *path = name.split(".")
        if name == "mapping.w_avg":
            variables["dlatent_avg"] = tensor.numpy()
        elif part == "mapping":
            layer = path[0].replace("fc", "Dense").replace("embed", "LabelEmbed")
            variables[f"mapping/{layer}/{path[1]}"] = tensor.numpy().T
        else:
            theirs, value = tf_synthesis_variable(int(path[0].removeprefix("b")), *path[1:], value=tensor.numpy())
            variables[f"synthesis/{theirs}"] = value
    return variables


def tf_synthesis_variable(side: int, layer: str, *path: str, value: Any) -> tuple[str, Any]:
    scope = f"{side}x{side}"
    if layer == "const":
        return f"{scope}/Const/const", value[None]
    if path == ("noise_const",):
        return f"noise{2 * side.bit_length() - (7 if layer == 'conv0' else 6)}", value[None, None]
    first = "Conv" if side == 4 else "Conv1"
    scope = f"{scope}/{({'conv0': 'Conv0_up', 'conv1': first, 'torgb': 'ToRGB'})[layer]}"
    if path[0] == "affine":
        return f"{scope}/mod_{path[1]}", value.T if path[1] == "weight" else value - 1
    if path == ("weight",):
        turned = value[:, :, ::-1, ::-1] if layer == "conv0" else value
        return f"{scope}/weight", np.ascontiguousarray(turned.transpose(2, 3, 1, 0))
    return f"{scope}/{path[0]}", value


def tf_discriminator_variables(tensors: Mapping[str, Tensor]) -> Variables:
    """The tensors of a discriminator, as TensorFlow names them and lays them out."""
    variables: Variables = {}
    for name, tensor in tensors.items():
        block, layer, kind = name.split(".")
        side, value = block.removeprefix("b"), tensor.numpy()
        scope = "Output" if layer == "out" else f"{side}x{side}/{LAYERS[layer]}"
        variables[f"{scope}/{kind}"] = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
    return variables


def mapper_tensors(*theirs: str, width: int = 8) -> dict[str, Tensor]:
    """The tensors of small networks in StyleCLIP's names."""
    source = torch.Generator().manual_seed(0)
    shapes = {"weight": (width, width), "bias": (width,)}
    return {
        f"mapper.{name}.mapping.{i}.{kind}": 100 * torch.randn(shape, generator=source)
        for name in theirs
        for i in range(1, MAPPER_LAYERS + 1)
        for kind, shape in shapes.items()
    }
