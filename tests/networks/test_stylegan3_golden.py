"""StyleGAN3 against recorded outputs of NVIDIA's implementation, float32 on a CPU."""

import functools
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan3 import StyleGAN3Config, StyleGAN3Synthesis
from styleclip.networks.stylegan3_schedule import bands, channel_counts
from styleclip.weights.state_dict import load_strict, on_meta
from tests.golden import fill

Config = Literal["t", "r"]
BUFFER = "buffer."  # of the names of recorded constants
both = pytest.mark.parametrize("config", ["t", "r"])


@functools.cache
def vectors(config: Config) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in fill.vectors(f"stylegan3_{config}_64").items()}


@functools.cache
def tensors(config: Config) -> dict[str, Tensor]:
    drawn = {name: value for name, value in fill.state_dict(f"stylegan3_{config}_64").items() if value is not None}
    constants = {name[len(BUFFER) :]: value for name, value in vectors(config).items() if name.startswith(BUFFER)}
    return {**{name: torch.from_numpy(np.asarray(value)) for name, value in drawn.items()}, **constants}


def golden_config(config: Config) -> StyleGAN3Config:
    is_r = config == "r"
    channels = channel_counts(bands(64, 14), 4096 if is_r else 2048, 64 if is_r else 32)
    return StyleGAN3Config(32, 32, (32, 32), 64, channels, kernel=1 if is_r else 3, radial=is_r)


def generator(config: Config) -> Generator:
    return load_strict(on_meta(lambda: Generator(golden_config(config))), dict(tensors(config))).freeze()


@both
@torch.no_grad()
def test_latents_and_images(config: Config) -> None:
    network, recorded = generator(config), vectors(config)
    torch.testing.assert_close(network.map(recorded["z"]), recorded["w"], atol=1e-5, rtol=0)
    half = network.truncate(Latent(Space.Z, recorded["z"]), 0.5)
    torch.testing.assert_close(half.data, recorded["w_trunc"], atol=1e-5, rtol=0)
    w_plus = Latent(Space.W_PLUS, recorded["w_plus"])
    styles = network.to_space(w_plus, Space.S).data
    torch.testing.assert_close(styles, recorded["styles_w_plus"], atol=1e-5, rtol=0)
    for latent, name in ((w_plus, "image_w_plus"), (Latent(Space.W, recorded["w"]), "image_w")):
        error = (network(latent) - recorded[name]).abs().max()
        assert error < 1e-5 * recorded[name].abs().max()  # 1e-4 of the full range, and small pictures


@both
@torch.no_grad()
def test_moved_images(config: Config) -> None:
    network, recorded = generator(config), vectors(config)
    assert isinstance(network.synthesis, StyleGAN3Synthesis)
    matrix = recorded["transform"].double()
    degrees = torch.rad2deg(torch.atan2(matrix[0, 1], matrix[0, 0])).item()
    network.synthesis.input.move((matrix[0, 2].item(), matrix[1, 2].item()), degrees)
    image = network(Latent(Space.W_PLUS, recorded["w_plus"]))
    assert (image - recorded["image_moved"]).abs().max() < 1e-5 * image.abs().max()


@both
def test_filters_of_the_formulas_are_those_of_the_file(config: Config) -> None:
    fresh = Generator(golden_config(config)).state_dict()
    assert set(fresh) == set(tensors(config))
    filters = [name for name in fresh if name.endswith("_filter")]
    assert len(filters) == 28
    for name in filters:
        torch.testing.assert_close(fresh[name], tensors(config)[name], atol=1e-7, rtol=0)
