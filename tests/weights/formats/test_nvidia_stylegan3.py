"""StyleGAN3 in files: the recorded pickles, state dicts, our own files, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from styleclip.errors import WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan3 import TRANSFORM
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import fingerprint, load_generator
from tests.golden import fill
from tests.helpers.compare_networks import assert_same, error
from tests.helpers.tiny_stylegan3 import tiny_stylegan3, tiny_stylegan3_config

NAMES = ("stylegan3_t_64", "stylegan3_r_64")
IMAGE = 1e-4  # as in test_golden
golden_file = pytest.mark.parametrize("name", NAMES)
both_configs = pytest.mark.parametrize("config", ["t", "r"])


@golden_file
def test_recorded_weights_and_filters_are_exact_and_nothing_is_run(name: str) -> None:
    path = fill.HERE / f"{name}.pkl"
    assert b'raise SystemExit("embedded source was executed")' in path.read_bytes()
    found = load_generator(path).state_dict()
    vectors, weights = fill.vectors(name), fill.state_dict(name)
    assert found.keys() == fill.meta(name)["keys"].keys()
    for key, tensor in found.items():
        assert np.array_equal(tensor.numpy(), weights.get(key, vectors.get(f"buffer.{key}"))), key
    assert "torch_utils" not in sys.modules and "dnnlib" not in sys.modules


@golden_file
def test_recorded_image(name: str) -> None:
    vectors = fill.vectors(name)
    image = load_generator(fill.HERE / f"{name}.pkl")(Latent(Space.W_PLUS, torch.from_numpy(vectors["w_plus"])))
    assert error(image, torch.from_numpy(vectors["image_w_plus"])) <= IMAGE


@golden_file
def test_the_description_of_a_pickle(name: str) -> None:
    [part] = describe(fill.HERE / f"{name}.pkl")["parts"]
    assert part["architecture"] == f"StyleGAN3, config {name[10].upper()}"
    assert (part["resolution"], part["num_ws"], part["mapping_layers"], part["classes"]) == (64, 16, 2, 0)
    learned = (tensor for key, tensor in fill.state_dict(name).items() if key != "mapping.w_avg")
    assert part["parameters"] == sum(tensor.size for tensor in learned) + 4  # and the bias of the input's affine layer


@both_configs
def test_our_files_keep_everything(tmp_path: Path, config: Literal["t", "r"]) -> None:
    generator = tiny_stylegan3(config)
    path = save_generator(generator, tmp_path / "ours.safetensors")
    loaded = load_generator(path)
    assert loaded.config == generator.config and fingerprint(loaded) == fingerprint(generator)
    assert_same(loaded, generator)


def test_our_files_keep_the_numbers_that_no_shape_tells(tmp_path: Path) -> None:
    usual = tiny_stylegan3_config(resolution=64)
    config = replace(usual, conv_clamp=None, mapping_lr_mul=0.1, output_scale=0.5, first_cutoff=3.0, margin=4)
    with pytest.raises(AssertionError):
        assert config == usual
    config = replace(config, num_critical=3, first_stopband=5.0, last_stopband_rel=1.5)
    path = save_generator(Generator(config).freeze(), tmp_path / "ours.safetensors")
    assert load_generator(path).config == config


def test_half_precision_keeps_filters_and_magnitudes(tmp_path: Path) -> None:
    generator = tiny_stylegan3()
    path = save_generator(generator, tmp_path / "half.safetensors", dtype=torch.float16)
    halved, whole = load_generator(path).state_dict(), generator.state_dict()
    exact = [name for name in whole if torch.equal(halved[name], whole[name])]
    assert {name for name in whole if name.endswith(("filter", "magnitude_ema", "freqs", "phases"))} <= {*exact}
    assert "synthesis.input.weight" not in exact


@pytest.mark.parametrize(
    "wrap", [lambda names: names, lambda names: {"state_dict": names}], ids=["bare", "under a key"]
)
def test_state_dicts(tmp_path: Path, wrap: object) -> None:
    generator = tiny_stylegan3("r")
    tensors = {f"decoder.{name}": tensor for name, tensor in generator.state_dict().items()}
    torch.save(wrap(tensors), tmp_path / "sg3.pt")  # type: ignore[operator]
    assert_same(load_generator(tmp_path / "sg3.pt"), generator)


def test_a_state_dict_without_the_transform_is_not_moved(tmp_path: Path) -> None:
    generator = tiny_stylegan3()
    torch.save({k: v for k, v in generator.state_dict().items() if k != TRANSFORM}, tmp_path / "sg3.pt")
    assert_same(load_generator(tmp_path / "sg3.pt"), generator)


def test_a_moved_file_stays_moved(tmp_path: Path) -> None:
    generator = tiny_stylegan3()
    moved = torch.tensor([[1.0, 0.0, -0.25], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    torch.save({**generator.state_dict(), TRANSFORM: moved}, tmp_path / "sg3.pt")
    with pytest.warns(WeightWarning, match="moves its pictures by synthesis.input.transform"):
        loaded = load_generator(tmp_path / "sg3.pt")
    assert torch.equal(loaded.state_dict()[TRANSFORM], moved) and fingerprint(loaded) == fingerprint(generator)
