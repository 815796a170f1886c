"""Files of the right form with the wrong things in them: tampered networks, absurd numbers, other people's names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from styleclip.weights.describe import describe
from styleclip.weights.formats import rosinality
from styleclip.weights.load import load_generator
from tests.helpers.assert_refused import WAYS, parametrized, refused
from tests.helpers.checkpoint_writers import save_pickle, tf_generator
from tests.helpers.hostile import (
    Op,
    after,
    array,
    build,
    call,
    get,
    module,
    name,
    new,
    put,
    update,
    write_archive,
    write_pickle,
)
from tests.helpers.nvidia_trees import Network, nvidia_generator
from tests.helpers.tiny import tiny_generator


def tampered(**meta: Any) -> Op:
    """A generator of NVIDIA's that has nothing in it, but for what is said here."""
    return module(**{"state": {"_modules": {}, "_parameters": {}, "_buffers": {}}, **meta})


def cyclic() -> Op:
    """A generator that is its own mapping network."""
    state = update(get(1), {"_modules": {"mapping": get(2)}, "_parameters": {}, "_buffers": {}})
    return after(put({}, 1), put(module(state=get(1)), 2), state, get(2))


PERSISTENT = name("torch_utils.persistence", "_reconstruct_persistent_obj")
NETWORKS: dict[str, Any] = {
    "a description that is a text": call(PERSISTENT, "text"),
    "a description that is a list": call(PERSISTENT, [("class_name", "Generator")]),
    "no description": call(PERSISTENT),
    "an empty description": call(PERSISTENT, {}),
    "no state": module(),
    "a state that is a text": module(state="text"),
    "a state that is nothing": module(state=None),
    "an empty state": module(state={}),
    "no tensors at all": tampered(),
    "a class that is a number": tampered(class_name=5),
    "a class that is a list": tampered(class_name=["Generator"]),
    "a class with ends of lines": tampered(class_name="Generator\n\x1b[2J"),
    "a class of a page": tampered(class_name="G" * 5000),
    "modules that are a list": module(state={"_modules": [1]}),
    "a module that is a text": module(state={"_modules": {"mapping": "text"}}),
    "parameters that are a list": tampered(state={"_modules": {}, "_parameters": [1], "_buffers": {}}),
    "a generator in itself": cyclic(),
    "a network of TensorFlow": new(name("dnnlib.tflib.network", "Network")),
    "a text": "Generator",
}


@parametrized(NETWORKS)
def test_tampered_networks(case: Any, tmp_path: Path) -> None:
    refused(write_pickle({"G_ema": case}, tmp_path / "network.pkl"))
    refused(write_pickle({"G_ema": None, "G": case, "D": case}, tmp_path / "snapshot.pkl"))
    refused(write_archive(case, tmp_path / "pti.pt"))
    refused(write_pickle((case, case, case), tmp_path / "tf.pkl"))


TF = name("dnnlib.tflib.network", "Network")
STATE = {"version": 4, "static_kwargs": {}, "variables": [["mod/mod_weight", array()]], "components": {}}
STATES: dict[str, Any] = {
    "nothing": {},
    "no variables": {**STATE, "variables": []},
    "variables that are a number": {**STATE, "variables": 5},
    "variables by numbers": {**STATE, "variables": [[1, 2]]},
    "variables that are no pairs": {**STATE, "variables": [["a"]]},
    "variables by lists": {**STATE, "variables": [[["a"], 2]]},
    "a variable that is a text": {**STATE, "variables": [["synthesis/4x4/Conv/mod_weight", "text"]]},
    "components that are a list": {**STATE, "components": [1]},
    "a component that is a text": {**STATE, "components": {"mapping": "text"}},
    "a version that is a text": {**STATE, "version": "four"},
    "no version": {**STATE, "version": None},
    "arguments that are a list": {**STATE, "static_kwargs": [1]},
    "arguments by numbers": {**STATE, "static_kwargs": {1: 2}},
    "an argument of a page": {**STATE, "static_kwargs": {"a\n" * 5000: "b\n" * 5000}},
    "a resolution of a page": {**STATE, "variables": [[f"synthesis/{'9' * 4000}x4/mod_weight", array()]]},
}


@parametrized(STATES)
def test_tampered_networks_of_tensorflow(case: Any, tmp_path: Path) -> None:
    network = build(new(TF), case)
    refused(write_pickle((network, network, network), tmp_path / "network.pkl"))


CONVOLUTIONS = ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1", "b4.torgb", "b8.torgb", "b16.torgb")
CLAMPS: dict[str, Any] = {
    "a text": "256",
    "NaN": float("nan"),
    "infinity": float("inf"),
    "zero": 0,
    "a negative number": -256.0,
    "a number of many digits": 10**400,
    "a list": [256],
}


@parametrized(CLAMPS)
def test_absurd_clamps(case: Any, tmp_path: Path) -> None:
    network = nvidia_generator(tiny_generator())
    for layer in CONVOLUTIONS:
        network.at(f"synthesis.{layer}")["conv_clamp"] = case
    refused(save_pickle({"G_ema": network}, tmp_path / "network.pkl"), load_generator, describe)
    refused(write_tf_pickle_with(tmp_path / "tf.pkl", conv_clamp=case), load_generator, describe)
    ours = {"styleclip": "generator", "conv_clamp": str(case)}
    if str(case) != "256":
        save_file(TENSORS_OF_OURS, tmp_path / "g.safetensors", ours)
        refused(tmp_path / "g.safetensors", load_generator, describe)


def write_tf_pickle_with(path: Path, **arguments: Any) -> Path:
    return save_pickle((Network(), Network(), tf_generator(tiny_generator(), **arguments)), path, protocol=3)


Tensors = dict[str, Tensor]
TENSORS_OF_OURS = dict(tiny_generator().state_dict())
WEIGHT, SIDES = "synthesis.b8.conv0.weight", [2**k for k in range(2, 31)]


def changed(key: str, change: Callable[[Tensor], Tensor]) -> Tensors:
    return {**TENSORS_OF_OURS, key: change(TENSORS_OF_OURS[key])}


def all_of(kind: torch.dtype) -> Tensors:
    return {key: tensor.to(kind) for key, tensor in TENSORS_OF_OURS.items()}


def with_number(number: float) -> Tensors:
    return changed(WEIGHT, lambda tensor: tensor.index_fill(0, torch.tensor([2]), number))


def a_billion_pixels() -> Tensors:
    """Names of a generator of 2^30 px, and a number behind each of them."""
    below = {key.removeprefix("synthesis.b8."): 0 for key in TENSORS_OF_OURS if key.startswith("synthesis.b8.")}
    more = {f"synthesis.b{side}.{key}": torch.ones(1, 1, 1, 1) for side in SIDES[3:] for key in below}
    return {**TENSORS_OF_OURS, **more}


VALUES: dict[str, Callable[[], Tensors]] = {
    "NaN": lambda: with_number(torch.nan),
    "infinity": lambda: with_number(torch.inf),
    "more than float32 can say": lambda: changed(WEIGHT, lambda tensor: tensor.double() * 1e300),
    "integers": lambda: all_of(torch.int32),
    "truth values": lambda: all_of(torch.bool),
    "complex numbers": lambda: all_of(torch.complex64),
    "one integer": lambda: changed("mapping.w_avg", torch.Tensor.int),
    "no numbers": lambda: {key: tensor[..., :0] if tensor.ndim else tensor for key, tensor in TENSORS_OF_OURS.items()},
    "no axes": lambda: {key: torch.ones([]) for key in TENSORS_OF_OURS},
    "64 axes": lambda: {key: torch.ones([1] * 60) for key in TENSORS_OF_OURS},
    "a resolution of 2^30": a_billion_pixels,
    "another w_dim in one layer": lambda: changed("synthesis.b8.conv0.affine.weight", lambda tensor: tensor[:, 1:]),
    "another w_dim than the mapping's": lambda: (
        changed("mapping.fc1.weight", lambda tensor: tensor[1:])
        | {"mapping.fc1.bias": torch.ones(7), "mapping.w_avg": torch.ones(7)}
    ),
    "another z_dim than the embedding's": lambda: {
        **TENSORS_OF_OURS,
        "mapping.embed.weight": torch.ones(50, 2),
        "mapping.embed.bias": torch.ones(50),
    },
    "a layer of the mapping in 10^12": lambda: {**TENSORS_OF_OURS, f"mapping.fc{10**12}.weight": torch.ones(1)},
    "a block of a page": lambda: {**TENSORS_OF_OURS, f"synthesis.b{'9' * 5000}.x": torch.ones(1)},
    "a filter of others": lambda: {**TENSORS_OF_OURS, "synthesis.b8.resample_filter": torch.ones(4, 4)},
    "a name with ends of lines": lambda: {**TENSORS_OF_OURS, "a\n\x1b[2Jb": torch.ones(1)},
    "names of a page": lambda: {**TENSORS_OF_OURS, **{f"{i}{'x' * 2000}": torch.ones(1) for i in range(9)}},
}


@parametrized(VALUES)
def test_values(case: Callable[[], Tensors], tmp_path: Path) -> None:
    save_file({key: tensor.contiguous() for key, tensor in case().items()}, tmp_path / "g.safetensors")
    refused(tmp_path / "g.safetensors", load_generator)
    if not any(tensor.is_complex() for tensor in case().values()):
        torch.save(case(), tmp_path / "g.pt")
        refused(tmp_path / "g.pt", load_generator)


def theirs(**changes: Any) -> dict[str, Any]:
    tensors: Any = rosinality.export_generator(tiny_generator().state_dict())
    return {"g_ema": {**tensors["g_ema"], **changes}, "latent_avg": tensors["latent_avg"]}


ONE = torch.ones(1)
ROSINALITY: dict[str, dict[str, Any]] = {
    "a resolution of 2^(10^12)": theirs(**{f"to_rgbs.{10**12}.bias": ONE}),
    "a resolution of a page": theirs(**{f"to_rgbs.{'9' * 5000}.bias": ONE}),
    "10^12 layers of the mapping": theirs(**{f"style.{10**12}.weight": ONE}),
    "tensors that are texts": {"g_ema": dict.fromkeys(theirs()["g_ema"], "text")},
    "tensors that are lists": {"g_ema": dict.fromkeys(theirs()["g_ema"], [1.0])},
    "an average without axes": {**theirs(), "latent_avg": torch.tensor(1.0)},
    "an average of another length": {**theirs(), "latent_avg": torch.ones(5)},
    "names that are numbers": {"g_ema": dict(enumerate(theirs()["g_ema"].values()))},
    "a noise of another size": theirs(**{"noises.noise_1": torch.ones(1, 1, 2, 2)}),
    "a kernel of NaN": theirs(**{"conv1.conv.weight": torch.full((1, 6, 6, 3, 3), torch.nan)}),
}


@parametrized(ROSINALITY)
@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_rosinality(case: dict[str, Any], zipped: bool, tmp_path: Path) -> None:
    torch.save(case, tmp_path / "stylegan2.pt", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "stylegan2.pt", load_generator)


@pytest.mark.parametrize(
    "kind", ["generator", "discriminator", "encoder", "mapper", "arcface", "facenet", "identity", "clip"]
)
def test_metadata_that_lie(kind: str, tmp_path: Path) -> None:
    save_file(
        {"w": torch.ones(1, 3)}, tmp_path / "weights.safetensors", {"styleclip": kind, "kind": kind, "config": kind}
    )
    refused(tmp_path / "weights.safetensors", *(way for way in WAYS if way is not describe))
