"""Discriminators from the files of three projects."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.weights.formats import rosinality
from styleclip.weights.load import load_generator
from tests.golden import fill
from tests.helpers.checkpoint_writers import save_pickle, write_nvidia_pickle
from tests.helpers.compare_networks import SAME, assert_same, error, images, tiny_discriminator
from tests.helpers.from_tensors import export_discriminator, load_discriminator
from tests.helpers.nvidia_trees import Persistent, nvidia_discriminator, nvidia_generator, rename, set_at
from tests.helpers.tiny import tiny_generator

GOLDEN = [(fill.HERE / f"nvidia_{name}_tiny32.pkl", clamp) for name, clamp in (("ada", None), ("sg3repo", 256))]


@pytest.mark.parametrize(("path", "clamp"), GOLDEN, ids=["ada", "sg3"])
def test_recorded_discriminator(path: Path, clamp: float | None) -> None:
    discriminator = load_discriminator(path)
    assert discriminator.channels == {32: 16, 16: 32, 8: 32, 4: 32}
    assert (discriminator.b4.conv_clamp, discriminator.b4.mbstd_group_size) == (clamp, 4)
    assert discriminator(torch.ones(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_at("", c_dim=10),
            "its discriminator is conditional on 10 classes, which is not supported; pass one without classes",
        ),
        (set_at("b8", architecture="skip"), "its b8.architecture is skip, where ours has resnet; pass"),
        (set_at("b4.mbstd", num_channels=2), "its b4.mbstd.num_channels is 2, where ours has 1; pass"),
        (set_at("b8.conv0", conv_clamp=9), "its b8.conv0.conv_clamp is 9, where ours has None; pass"),
        (
            set_at("b16.fromrgb", activation="linear"),
            "its b16.fromrgb.activation is linear, where ours has lrelu; pass",
        ),
        (
            rename("b8.conv0", "SynthesisLayer"),
            "its b8.conv0 is of the class SynthesisLayer; pass an unchanged StyleGAN2",
        ),
    ],
)
def test_an_unlike_discriminator_is_refused_and_its_generator_is_not(
    tmp_path: Path, change: Callable[[Persistent], None], message: str
) -> None:
    critic = nvidia_discriminator(tiny_discriminator())
    change(critic)
    networks = {"D": critic, "G_ema": nvidia_generator(tiny_generator())}
    path = save_pickle(networks, tmp_path / "network.pkl")
    assert_same(load_generator(path), tiny_generator())
    with pytest.raises(WeightError, match=message):
        load_discriminator(path)


def test_the_whole_batch_as_one_group(tmp_path: Path) -> None:
    critic = tiny_discriminator(mbstd_group_size=None)
    loaded = load_discriminator(write_nvidia_pickle(tmp_path / "all.pkl", tiny_generator(), critic))
    assert error(loaded(images()), tiny_discriminator(mbstd_group_size=4)(images())) == 0


def test_the_clamp_of_a_discriminator_bounds_its_activations() -> None:
    critic = tiny_discriminator(conv_clamp=0.5)
    seen: list[Tensor] = []
    critic.get_submodule("b8").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    critic(images())
    first: Any = tiny_discriminator().b16
    x = first.fromrgb(images()).clamp(-0.5, 0.5)
    y = first.conv1(first.conv0(x).clamp(-0.5, 0.5)).clamp(-0.5, 0.5)
    assert error(seen[0], (y + first.skip(x)) / math.sqrt(2)) <= SAME


def test_rosinality_discriminator(tmp_path: Path) -> None:
    contents = rosinality.export_generator(tiny_generator().state_dict())
    contents["d"] = export_discriminator(tiny_discriminator().state_dict())
    torch.save(contents, tmp_path / "550000.pt")
    assert_same(load_discriminator(tmp_path / "550000.pt"), tiny_discriminator())
