"""NVIDIA's TensorFlow files: round trips through written ones, what their layout means, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from styleclip.errors import WeightError
from styleclip.latents import Latent, Space
from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.networks.layers import StyledConv, fir_taps
from styleclip.weights.formats import nvidia_tf
from styleclip.weights.formats.registry import read_all
from styleclip.weights.load import load_generator
from tests.helpers.checkpoint_writers import save_pickle, tf_discriminator, tf_generator, write_tf_pickle
from tests.helpers.compare_networks import SAME, assert_same, error, images, tiny_discriminator, z
from tests.helpers.from_tensors import load_discriminator
from tests.helpers.nvidia_trees import Network
from tests.helpers.tiny import TINY, tiny_generator

CONFIG = replace(TINY, conv_clamp=2.0, mapping_lr_mul=0.1)


def generator() -> Generator:
    """Its style biases are multiples of 2^-10, so that taking 1 away and adding it again changes no bit."""
    made = tiny_generator(CONFIG)
    for name, tensor in made.state_dict().items():
        if name.endswith("affine.bias"):
            tensor.copy_((tensor * 1024).round() / 1024)
    return made


def save(tmp_path: Path, gs: Any, critic: Any = None) -> Path:
    return save_pickle((Network(), critic or Network(), gs), tmp_path / "network.pkl", protocol=3)


def test_round_trip(tmp_path: Path) -> None:
    critic = tiny_discriminator(mbstd_group_size=2, conv_clamp=1.5)
    path = write_tf_pickle(tmp_path / "stylegan2-ffhq-config-f.pkl", generator(), critic)
    loaded = load_generator(path)
    assert loaded.config == CONFIG
    assert_same(loaded, generator())
    assert error(loaded(Latent(Space.Z, z())), generator()(Latent(Space.Z, z()))) <= SAME
    judge = load_discriminator(path)
    assert_same(judge, critic)
    assert error(judge(images()), critic(images())) <= SAME


def test_the_parts(tmp_path: Path) -> None:
    gs, critic = read_all(write_tf_pickle(tmp_path / "network.pkl", generator(), tiny_discriminator(), c_dim=3))
    assert (gs.kind, gs.format) == ("generator", "NVIDIA stylegan2 for TensorFlow")
    assert (gs.config.conv_clamp, gs.config.mapping_lr_mul) == (2.0, 0.1)
    assert (critic.kind, critic.config["conv_clamp"], critic.config["mbstd_group_size"]) == ("discriminator", None, 4)


def test_what_goes_without_saying(tmp_path: Path) -> None:
    gs, critic = tf_generator(tiny_generator()), tf_discriminator(tiny_discriminator())
    for network in (gs, critic):
        vars(network)["static_kwargs"] = {"num_channels": 3, "resolution": 16}
    path = save(tmp_path, gs, critic)
    assert load_generator(path).config == TINY
    assert load_discriminator(path).b4.mbstd_group_size == 4


def test_the_upsampling_weight_is_that_of_a_correlation() -> None:
    """TensorFlow upsamples by zeros, then correlates with the weight as it is stored, then filters."""
    weight = torch.randn(3, 3, 5, 4, generator=torch.Generator().manual_seed(0))  # [H, W, in, out]
    x = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    [key] = [key for key in nvidia_tf.generator_keys(8, 2) if key.theirs == "synthesis/8x8/Conv0_up/weight"]
    assert key.ours == "synthesis.b8.conv0.weight"
    layer = StyledConv(5, 4, w_dim=1, size=(16, 16), up=True).requires_grad_(False)
    layer.weight.copy_(key.convert(weight))
    found = layer(x, torch.ones(2, 5), noise=None)

    stuffed = torch.zeros(2, 5, 16, 16)
    stuffed[:, :, ::2, ::2] = x
    y = F.conv2d(F.pad(stuffed, (2, 1, 2, 1)), weight.permute(3, 2, 0, 1))  # [2, 4, 17, 17] with the FIR's margin
    taps = torch.outer(fir_taps(), fir_taps()) * 4
    y = F.conv2d(F.pad(y, (1, 1, 1, 1)), taps[None, None].expand(4, 1, 4, 4), groups=4)
    demodulation = torch.rsqrt(weight.square().sum(dim=(0, 1, 2)) + 1e-8)
    assert error(found, F.leaky_relu(y * demodulation[:, None, None], 0.2) * 2**0.5) <= SAME


def test_every_layer_finds_its_noise() -> None:
    theirs = {key.ours: key.theirs for key in nvidia_tf.generator_keys(1024, 8)}
    noises = {ours: name for ours, name in theirs.items() if ours.endswith("noise_const")}
    assert list(noises.values()) == [f"synthesis/noise{i}" for i in range(17)]
    assert noises["synthesis.b4.conv1.noise_const"] == "synthesis/noise0"
    assert noises["synthesis.b1024.conv1.noise_const"] == "synthesis/noise16"


def changed(**arguments: Any) -> Callable[[], Any]:
    return lambda: tf_generator(tiny_generator(), **arguments)


def old() -> Any:
    network = tf_generator(tiny_generator())
    vars(network)["version"] = 3
    return network


def progressive() -> Any:
    network = tf_generator(tiny_generator())
    synthesis = vars(network)["components"]["synthesis"]
    vars(synthesis)["variables"].append(("ToRGB_lod0/weight", np.zeros((1, 1, 4, 3), "f4")))
    return network


def first_stylegan() -> Any:
    network = tf_generator(tiny_generator())
    vars(network).update(components={}, build_func_name="G_style")
    return network


def one_more_variable() -> Any:
    network = tf_generator(tiny_generator())
    vars(network)["variables"].append(("lod", np.zeros((), "f4")))
    return network


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (old, "its networks have version 3, older than StyleGAN2; pass a StyleGAN2"),
        (progressive, "its generator has the architecture 'orig', where ours has 'skip'; pass another StyleGAN2"),
        (first_stylegan, "its Gs was made by G_style, not by StyleGAN2; pass a StyleGAN2 file"),
        (one_more_variable, "the tensors do not fit: surplus lod; pass"),
        (changed(architecture="resnet"), "its architecture is resnet, where ours is skip; pass another StyleGAN2"),
        (
            changed(resample_kernel=[1, 4, 6, 4, 1]),
            r"its resample_kernel is \[1, 4, 6, 4, 1\], where ours is \[1, 3, 3, 1\];",
        ),
        (changed(nonlinearity="relu"), "its nonlinearity is relu, where ours is lrelu; pass"),
        (changed(mapping_nonlinearity="relu"), "its mapping_nonlinearity is relu, where ours is lrelu; pass"),
        (changed(normalize_latents=False), "its normalize_latents is False, where ours is True; pass"),
        (changed(num_channels=1), "its num_channels is 1, where ours is 3; pass"),
        (changed(resolution_z=512), "it was made with resolution_z=512, which is not known here; pass another"),
    ],
)
def test_unlike_generators_are_refused(tmp_path: Path, make: Callable[[], Any], message: str) -> None:
    with pytest.raises(WeightError, match=f"network.pkl: {message}") as caught:
        load_generator(save(tmp_path, make()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"label_size": 10},
            "its discriminator is conditional on 10 classes, which is not supported; pass one without classes",
        ),
        ({"architecture": "skip"}, "its architecture is skip, where ours is resnet; pass"),
        ({"mbstd_num_features": 4}, "its mbstd_num_features is 4, where ours is 1; pass"),
    ],
)
def test_an_unlike_discriminator_is_refused_and_its_generator_is_not(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    path = save(tmp_path, tf_generator(generator()), tf_discriminator(tiny_discriminator(), **arguments))
    assert_same(load_generator(path), generator())
    with pytest.raises(WeightError, match=message):
        load_discriminator(path)


def test_a_single_network_is_refused(tmp_path: Path) -> None:
    path = save_pickle(tf_generator(tiny_generator()), tmp_path / "inception.pkl", protocol=3)
    with pytest.raises(WeightError, match="it holds 1 TensorFlow networks instead of G, D and Gs; pass a StyleGAN2"):
        load_generator(path)


def test_the_whole_batch_as_one_group(tmp_path: Path) -> None:
    critic = tf_discriminator(tiny_discriminator(), mbstd_group_size=None)
    loaded: Discriminator = load_discriminator(save(tmp_path, tf_generator(tiny_generator()), critic))
    assert error(loaded(images()), tiny_discriminator(mbstd_group_size=4)(images())) == 0
