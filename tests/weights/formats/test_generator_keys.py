"""Generators under the keys and prefixes that projects store them with, and files without the average w."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.weights.describe import describe
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import load_generator
from styleclip.weights.safe_pickle.lazy_tensors import read_tensor
from tests.helpers.checkpoint_writers import save_pickle, tf_generator
from tests.helpers.compare_networks import assert_same, tiny_discriminator
from tests.helpers.from_tensors import export_discriminator, rosinality_checkpoint
from tests.helpers.nvidia_trees import conditional, nvidia_generator
from tests.helpers.tiny import tiny_generator

THEIRS: dict[str, Any] = rosinality_checkpoint()
TENSORS, AVERAGE = THEIRS["g_ema"], THEIRS["latent_avg"]


def prefixed(prefix: str, tensors: Mapping[str, Tensor] = TENSORS) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


OTHER = {"discriminator.convs.0.0.weight": torch.ones(4, 3, 1, 1)}
ROSINALITY: dict[str, dict[str, Any]] = {
    "g alone": {"g": TENSORS},
    "g of several processes": {"g": prefixed("module."), "d": {}},
    "g_ema of several processes": {"g_ema": prefixed("module.")},
    "state_dict": {"state_dict": TENSORS},
    "state_dict with a prefix": {"state_dict": {**prefixed("generator."), **OTHER}},
    "state_dict of a wrapped generator": {"state_dict": prefixed("module.generator.")},
    "the decoder of an encoder's file": {"state_dict": prefixed("decoder.")},
    "a decoder alone": prefixed("decoder."),
    "the moving average of two": {
        "state_dict": {**prefixed("g.", {k: v + 1 for k, v in TENSORS.items()}), **prefixed("g_ema.")}
    },
    "another key": {"epoch": 3, "netG": TENSORS},
    "an average under another name": {"g_ema": TENSORS, "mean_latent": AVERAGE},
    "with numbers and texts": {"iteration": 1000, "name": "ffhq", **TENSORS},
    "a dict in a dict": {"models": {"generator": TENSORS}},
}


@pytest.mark.filterwarnings("ignore:the file has no moving average")
@pytest.mark.parametrize("content", ROSINALITY.values(), ids=ROSINALITY)
def test_rosinality_under_other_keys(tmp_path: Path, content: dict[str, Any]) -> None:
    average = {} if "mean_latent" in content else {"latent_avg": AVERAGE}
    torch.save({**content, **average}, tmp_path / "network.pt")
    assert_same(load_generator(tmp_path / "network.pt"), tiny_generator())


def test_the_moving_average_comes_first(tmp_path: Path) -> None:
    other = {name: tensor + 1 for name, tensor in TENSORS.items()}
    torch.save({"g": other, **THEIRS}, tmp_path / "network.pt")
    assert_same(load_generator(tmp_path / "network.pt"), tiny_generator())
    torch.save({"g": TENSORS, "latent_avg": AVERAGE}, tmp_path / "network.pt")
    with pytest.warns(
        UserWarning, match="no moving average g_ema; the generator of its last training step, g, is used"
    ):
        load_generator(tmp_path / "network.pt")


def test_an_average_among_the_tensors(tmp_path: Path) -> None:
    torch.save({"state_dict": {**TENSORS, "latent_avg": AVERAGE}}, tmp_path / "network.pt")
    assert_same(load_generator(tmp_path / "network.pt"), tiny_generator())


def test_a_discriminator_of_several_processes(tmp_path: Path) -> None:
    critic = export_discriminator(tiny_discriminator().state_dict())
    torch.save({"g_ema": prefixed("module."), "d": prefixed("module.", critic)}, tmp_path / "network.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeightWarning)
        parts = describe(tmp_path / "network.pt")["parts"]
    assert [(part["kind"], "problem" in part) for part in parts] == [("generator", False), ("discriminator", False)]


@pytest.mark.parametrize("average", [torch.tensor(1.0), None, "text"])
def test_an_average_of_no_use(tmp_path: Path, average: object) -> None:
    torch.save({"g_ema": TENSORS, "latent_avg": average}, tmp_path / "network.pt")
    with pytest.warns(UserWarning, match="no average latent"):
        load_generator(tmp_path / "network.pt")


@pytest.mark.parametrize(
    "wrap",
    [dict, lambda t: {"iteration": 3, **t}, lambda t: {"G_ema": t}, lambda t: {"state_dict": prefixed("module.", t)}],
)
def test_state_dicts_in_nvidia_names(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    torch.save(wrap(tiny_generator().state_dict()), tmp_path / "network.pt")
    assert_same(load_generator(tmp_path / "network.pt"), tiny_generator())


def without_average_nvidia(path: Path) -> Path:
    network = nvidia_generator(tiny_generator())
    del network.at("mapping")["_buffers"]["w_avg"]
    return save_pickle({"G_ema": network}, path)


def without_average_tf(path: Path) -> Path:
    network = tf_generator(tiny_generator())
    network.__dict__["variables"] = []
    return save_pickle((network, network, network), path)


def without_average_state_dict(path: Path) -> Path:
    tensors = tiny_generator().state_dict()
    del tensors["mapping.w_avg"]
    torch.save(tensors, path)
    return path


@pytest.mark.parametrize("write", [without_average_nvidia, without_average_tf, without_average_state_dict])
def test_the_average_is_computed(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path / "network.pkl")
    with pytest.warns(UserWarning, match="no average latent; the mean of 4096 seeded samples is used"):
        generator = load_generator(path)
    z = torch.randn(4096, generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(generator.w_avg, generator.map(z).mean(dim=0), atol=1e-6)
    torch.save({"g_ema": TENSORS}, tmp_path / "theirs.pt")
    with pytest.warns(UserWarning, match="no average latent"):
        assert torch.equal(load_generator(tmp_path / "theirs.pt").w_avg, generator.w_avg)


def test_named_parameters_alone(tmp_path: Path) -> None:
    """A state dict without any buffer: noise, average w and filters are missing."""
    torch.save({"G": dict(tiny_generator().named_parameters())}, tmp_path / "network.pt")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        generator = load_generator(tmp_path / "network.pt")
    words = ("no moving average G_ema", "no noise buffers; seeded", "no average latent")
    assert [word for word in words if not any(word in str(each.message) for each in told)] == []
    assert torch.equal(generator.synthesis.b8.conv0.weight, tiny_generator().synthesis.b8.conv0.weight)


def test_some_of_rosinality_noise_is_missing(tmp_path: Path) -> None:
    lacking = {name: tensor for name, tensor in TENSORS.items() if name != "noises.noise_2"}
    torch.save({"state_dict": {f"G.{name}": tensor for name, tensor in lacking.items()}}, tmp_path / "network.pt")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        generator = load_generator(tmp_path / "network.pt")
    words = ("no moving average g_ema", "lacks some noise buffers")
    assert [word for word in words if not any(word in str(each.message) for each in told)] == []
    torch.save({"g_ema": TENSORS}, tmp_path / "whole.pt")
    with pytest.warns(UserWarning, match="no average latent"):
        whole = load_generator(tmp_path / "whole.pt").state_dict()
    differing = [name for name, tensor in generator.state_dict().items() if not torch.equal(tensor, whole[name])]
    assert differing == ["synthesis.b8.conv1.noise_const"]


@pytest.mark.parametrize("missing", ["style.", "to_rgbs."])
def test_names_that_resemble_rosinality(tmp_path: Path, missing: str) -> None:
    torch.save({name: tensor for name, tensor in TENSORS.items() if not name.startswith(missing)}, tmp_path / "a.pt")
    with pytest.raises(WeightError, match=rf"no tensor is called {missing}N\.\*; pass a StyleGAN2 file"):
        load_generator(tmp_path / "a.pt")


def test_the_average_over_classes(tmp_path: Path) -> None:
    tensors = conditional(tiny_generator(), 3)
    del tensors["mapping.w_avg"]
    torch.save(tensors, tmp_path / "network.pt")
    z = torch.randn(4096, tiny_generator().config.z_dim, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="no average latent"):
        classes = [load_generator(tmp_path / "network.pt", label=label) for label in range(3)]
    average = read_tensor(read_one(tmp_path / "network.pt", "generator").tensors["mapping.w_avg"])
    expected = torch.cat([classes[label].map(z[label::3]) for label in range(3)]).mean(dim=0)
    assert torch.allclose(average, expected, atol=1e-5)


def test_a_wide_mapping_is_not_averaged(tmp_path: Path) -> None:
    wide = torch.empty(1, 1).expand(2**13, 12)
    torch.save({**prefixed(""), "style.1.weight": wide}, tmp_path / "network.pt")
    with pytest.raises(WeightError, match="mapping network is wider than 4096; do not trust it"):
        load_generator(tmp_path / "network.pt")
