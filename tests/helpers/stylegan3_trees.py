"""The recorded pickles of StyleGAN3 as trees of modules that tests change and save again."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.golden import fill
from tests.helpers.checkpoint_writers import save_pickle
from tests.helpers.nvidia_trees import EasyDict, Persistent

EMBEDDED = 32  # width of an embedded class: w_dim
CLASSES = 5


def stylegan3_tree(name: str = "stylegan3_t_64") -> Persistent:
    """The generator of a recorded pickle."""
    tree: Persistent = _Reader(name).load()["G_ema"]
    return tree


def write_stylegan3(path: Path, *changes: Callable[[Persistent], None], name: str = "stylegan3_t_64") -> Path:
    """A pickle with the recorded generator after these changes."""
    tree = stylegan3_tree(name)
    for change in changes:
        change(tree)
    return save_pickle({"G": None, "D": None, "G_ema": tree}, path)


def set_buffer(path: str, tensor: Tensor) -> Callable[[Persistent], None]:
    """Another tensor in place of a buffer."""
    return lambda network: network.at(path.rpartition(".")[0])["_buffers"].update({path.rpartition(".")[2]: tensor})


def conditional_tensors() -> dict[str, Tensor]:
    """The mapping network of the recorded generator with seeded classes in front of it."""
    source = torch.Generator().manual_seed(0)
    weights = {key: torch.from_numpy(value) for key, value in fill.state_dict("stylegan3_t_64").items()}
    tensors = {key: tensor for key, tensor in weights.items() if key.startswith("mapping.")}
    more = 100 * torch.randn(EMBEDDED, EMBEDDED, generator=source)
    tensors["mapping.fc0.weight"] = torch.cat([tensors["mapping.fc0.weight"], more], dim=1)
    tensors["mapping.embed.weight"] = torch.randn(EMBEDDED, CLASSES, generator=source)
    tensors["mapping.embed.bias"] = torch.randn(EMBEDDED, generator=source)
    return tensors


def make_conditional(network: Persistent) -> None:
    """Give the generator the classes of `conditional_tensors`."""
    tensors = conditional_tensors()
    usual = {"activation": "linear", "bias_gain": 1, "weight_gain": 1 / CLASSES**0.5}
    network.put("mapping.embed", Persistent("FullyConnectedLayer", **usual))
    for key in ("mapping.embed.weight", "mapping.embed.bias", "mapping.fc0.weight"):
        network.hold(key, tensors[key])
    network.at("mapping.fc0")["weight_gain"] = 0.01 / tensors["mapping.fc0.weight"].shape[1] ** 0.5
    for path in ("", "mapping"):
        network.at(path)["c_dim"] = CLASSES


class _Reader(pickle.Unpickler):
    """Reads our own recorded file, with stand-ins for NVIDIA's classes."""

    def __init__(self, name: str) -> None:
        super().__init__(io.BytesIO((fill.HERE / f"{name}.pkl").read_bytes()))

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct_persistent_obj":
            return _persistent
        return EasyDict if name == "EasyDict" else super().find_class(module, name)


def _persistent(meta: dict[str, Any]) -> Persistent:
    module = Persistent(meta["class_name"])
    module.state = meta["state"]
    return module
