"""The module trees of NVIDIA's networks as pickles hold them, made from ours: class names, attributes, tensors."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.networks.layers import fir_taps

Flavour = Literal["ada", "sg3"]
TRIP_WIRE = 'raise SystemExit("embedded source was executed")'
EMBEDDED = 7  # width of an embedded class
BUFFERS = ("noise_const", "w_avg", "resample_filter")


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None: ...


class EasyDict(dict[str, Any]): ...


class Network: ...


STAND_INS: tuple[Any, ...] = (_reconstruct_persistent_obj, EasyDict, Network)
for stand_in, module in zip(STAND_INS, ("torch_utils.persistence", "dnnlib.util", "dnnlib.tflib.network"), strict=True):
    stand_in.__module__ = module


class Persistent:
    """A module of NVIDIA's code: pickled as its class name, its source (a trip wire) and its attributes."""

    def __init__(self, kind: str, **attributes: Any) -> None:
        self.kind = kind
        self.state: dict[str, Any] = {
            "training": False,
            "_parameters": OrderedDict(),
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_forward_hooks": OrderedDict(),
            "_modules": OrderedDict(),
            **attributes,
            "_init_args": (),
            "_init_kwargs": EasyDict(),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        meta = {"type": "class", "version": 6, "module_src": TRIP_WIRE, "class_name": self.kind, "state": self.state}
        return _reconstruct_persistent_obj, (meta,)

    def child(self, path: str) -> Persistent:
        """The module at this dotted path."""
        found = self
        for name in filter(None, path.split(".")):
            found = found.state["_modules"][name]
        return found

    def at(self, path: str) -> dict[str, Any]:
        """The attributes of the module at this dotted path."""
        return self.child(path).state

    def put(self, path: str, module: Persistent) -> None:
        parent, _, name = path.rpartition(".")
        self.at(parent)["_modules"][name] = module

    def hold(self, path: str, tensor: Tensor) -> None:
        parent, _, name = path.rpartition(".")
        if name in BUFFERS:
            self.at(parent)["_buffers"][name] = tensor
        else:
            self.at(parent)["_parameters"][name] = nn.Parameter(tensor, requires_grad=False)


def nvidia_generator(generator: Generator, flavour: Flavour = "ada", c_dim: int = 0) -> Persistent:
    """The tree of modules of a generator; see `conditional` for `c_dim` classes."""
    config, num_ws = generator.config, generator.num_ws
    sizes = {"z_dim": config.z_dim, "c_dim": c_dim, "w_dim": config.w_dim, "num_ws": num_ws}
    tensors = conditional(generator, c_dim) if c_dim else generator.state_dict()
    root = Persistent("Generator", **sizes, img_resolution=config.resolution, img_channels=config.img_channels)
    fp16 = {"num_fp16_res": 0} if flavour == "sg3" else {}
    root.put("synthesis", Persistent("SynthesisNetwork", img_resolution=config.resolution, num_ws=num_ws, **fp16))
    for side in config.channels:
        _put_synthesis_block(root, f"synthesis.b{side}", side, config.conv_clamp, flavour)
        root.at(f"synthesis.b{side}")["img_channels"] = config.img_channels
    root.put("mapping", Persistent("MappingNetwork", **sizes, num_layers=len(config.mapping_widths)))
    for i in range(len(config.mapping_widths)):
        root.put(f"mapping.fc{i}", _linear("lrelu", config.mapping_lr_mul))
    if c_dim:
        root.put("mapping.embed", _linear("linear", 1))
    return _filled(root, tensors)


def nvidia_discriminator(discriminator: Discriminator) -> Persistent:
    """The tree of modules of a discriminator."""
    clamp, side = discriminator.b4.conv_clamp, max(discriminator.channels)
    root = Persistent("Discriminator", c_dim=0, img_resolution=side, img_channels=3)
    for side in discriminator.resolutions:
        root.put(f"b{side}", Persistent("DiscriminatorBlock", resolution=side, img_channels=3, architecture="resnet"))
        if side == max(discriminator.channels):
            root.put(f"b{side}.fromrgb", _convolution(clamp, padding=0))
        root.put(f"b{side}.conv0", _convolution(clamp))
        root.put(f"b{side}.conv1", _convolution(clamp, down=2))
        root.put(f"b{side}.skip", _convolution(None, down=2, padding=0, activation="linear", act_gain=1, bias=None))
    root.put("b4", Persistent("DiscriminatorEpilogue", resolution=4, img_channels=3, architecture="resnet", cmap_dim=0))
    group = discriminator.b4.mbstd_group_size
    root.put("b4.mbstd", Persistent("MinibatchStdLayer", group_size=group, num_channels=1))
    root.put("b4.conv", _convolution(clamp))
    root.put("b4.fc", _linear("lrelu", 1))
    root.put("b4.out", _linear("linear", 1))
    return _filled(root, discriminator.state_dict())


def conditional(generator: Generator, c_dim: int) -> dict[str, Tensor]:
    """The tensors of a generator with seeded classes: an embedding [7, c_dim] and a first layer that takes it too."""
    source = torch.Generator().manual_seed(c_dim)
    tensors = dict(generator.state_dict())
    first = tensors["mapping.fc0.weight"]  # [out, z_dim]
    scale = 1 / generator.config.mapping_lr_mul
    more = scale * torch.randn(len(first), EMBEDDED, generator=source)
    tensors["mapping.fc0.weight"] = torch.cat([first, more], dim=1)
    tensors["mapping.embed.weight"] = torch.randn(EMBEDDED, c_dim, generator=source)
    tensors["mapping.embed.bias"] = torch.randn(EMBEDDED, generator=source)
    return tensors


def set_at(path: str, **attributes: Any) -> Callable[[Persistent], None]:
    """A change of the attributes of one module."""
    return lambda network: network.at(path).update(attributes)


def rename(path: str, kind: str) -> Callable[[Persistent], None]:
    """A change of the class of one module."""

    def change(network: Persistent) -> None:
        network.child(path).kind = kind

    return change


def _put_synthesis_block(root: Persistent, path: str, side: int, clamp: float | None, flavour: Flavour) -> None:
    fused = {"fused_modconv_default": True} if flavour == "sg3" else {}
    root.put(path, Persistent("SynthesisBlock", resolution=side, img_channels=3, architecture="skip", **fused))
    for name, up in (("conv0", 2), ("conv1", 1)) if side > 4 else (("conv1", 1),):
        layer = {"resolution": side, "up": up, "use_noise": True, "activation": "lrelu", "conv_clamp": clamp}
        root.put(f"{path}.{name}", Persistent("SynthesisLayer", **layer, padding=1, act_gain=np.sqrt(2)))
        root.put(f"{path}.{name}.affine", _linear("linear", 1))
    root.put(f"{path}.torgb", Persistent("ToRGBLayer", conv_clamp=clamp, weight_gain=None))
    root.put(f"{path}.torgb.affine", _linear("linear", 1))


def _linear(activation: str, lr_mul: float) -> Persistent:
    return Persistent("FullyConnectedLayer", activation=activation, weight_gain=None, bias_gain=lr_mul)


def _convolution(clamp: float | None, **changes: Any) -> Persistent:
    usual = {"activation": "lrelu", "up": 1, "down": 1, "padding": 1, "act_gain": np.sqrt(2), "weight_gain": None}
    return Persistent("Conv2dLayer", **{**usual, "conv_clamp": clamp, **changes})


def _filled(root: Persistent, tensors: Mapping[str, Tensor]) -> Persistent:
    """Put the tensors in, then what follows from them: gains, and the FIR filter of everything that resamples."""
    for name, tensor in tensors.items():
        root.hold(name, tensor)
    for module in _walk(root):
        weight = module.state["_parameters"].get("weight")
        if "weight_gain" in module.state:
            fan_in = math.prod(weight.shape[1:])
            module.state["weight_gain"] = np.float64(module.state.get("bias_gain", 1) / math.sqrt(fan_in))
        if module.kind in ("SynthesisBlock", "SynthesisLayer", "DiscriminatorBlock", "Conv2dLayer"):
            module.state["_buffers"]["resample_filter"] = torch.outer(fir_taps(), fir_taps())
    return root


def _walk(module: Persistent) -> Iterator[Persistent]:
    yield module
    for child in module.state["_modules"].values():
        yield from _walk(child)
