"""StyleGAN3 in files: the recorded pickles, state dicts, our own files, and what is refused."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan3 import TRANSFORM
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import fingerprint, load_encoder, load_generator
from tests.golden import fill
from tests.helpers.checkpoint_writers import save_pickle
from tests.helpers.compare_networks import SAME, assert_same, error
from tests.helpers.stylegan3_trees import (
    CLASSES,
    conditional_tensors,
    make_conditional,
    stylegan3_tree,
    write_stylegan3,
)
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


@pytest.mark.parametrize("label", [0, 3])
def test_a_class_is_folded_into_the_mapping_network(tmp_path: Path, label: int) -> None:
    path = write_stylegan3(tmp_path / "classes.pkl", make_conditional)
    assert describe(path)["parts"][0]["classes"] == CLASSES
    folded = load_generator(path, label)
    z = torch.from_numpy(fill.vectors("stylegan3_t_64")["z"])
    assert error(folded.map(z), unfused(conditional_tensors(), z, label)) <= SAME
    assert load_generator(save_generator(folded, tmp_path / "folded.safetensors")).config == folded.config


def unfused(tensors: dict[str, Tensor], z: Tensor, label: int) -> Tensor:
    """The conditional mapping network as StyleGAN3 defines it: z and the embedded class, each normalised, then fc0."""

    def normal(x: Tensor) -> Tensor:
        return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()

    def layer(x: Tensor, name: str, lr_mul: float) -> Tensor:
        weight, bias = tensors[f"mapping.{name}.weight"], tensors[f"mapping.{name}.bias"]
        return x @ weight.T * (lr_mul / math.sqrt(x.shape[1])) + bias * lr_mul

    one_hot = torch.eye(CLASSES)[label].expand(len(z), -1)
    x = torch.cat([normal(z), normal(layer(one_hot, "embed", 1))], dim=1)
    for name in ("fc0", "fc1"):
        x = F.leaky_relu(layer(x, name, 0.01), 0.2) * math.sqrt(2)
    return x


def test_a_conditional_file_needs_a_class(tmp_path: Path) -> None:
    path = write_stylegan3(tmp_path / "classes.pkl", make_conditional)
    with pytest.raises(WeightError, match="its generator has 5 classes; choose 0 to 4 by label= or --label"):
        load_generator(path)
    with pytest.raises(WeightError, match="its generator has no classes; leave the label out"):
        load_generator(fill.HERE / "stylegan3_t_64.pkl", label=1)


def test_the_generator_of_the_last_step_is_used_where_there_is_no_average(tmp_path: Path) -> None:
    tree = stylegan3_tree("stylegan3_r_64")
    save_pickle({"G": tree, "D": None, "G_ema": None}, tmp_path / "snapshot.pkl")
    with pytest.warns(WeightWarning, match="the file has no moving average G_ema"):
        loaded = load_generator(tmp_path / "snapshot.pkl")
    assert_same(loaded, load_generator(fill.HERE / "stylegan3_r_64.pkl"))
    save_pickle({"G": stylegan3_tree(), "G_ema": tree}, tmp_path / "both.pkl")
    assert_same(load_generator(tmp_path / "both.pkl"), loaded)


def test_a_missing_average_w_is_computed(tmp_path: Path) -> None:
    path = write_stylegan3(tmp_path / "sg3.pkl", lambda tree: tree.at("mapping")["_buffers"].pop("w_avg"))
    with pytest.warns(WeightWarning, match="the mean of 4096 seeded samples is used"):
        generator = load_generator(path)
    z = torch.randn(2000, generator.config.z_dim, generator=torch.Generator().manual_seed(1))
    assert error(generator.w_avg, generator.map(z).mean(dim=0)) < 0.2


def test_the_generator_beside_an_encoder_of_stylegan3_editing(tmp_path: Path) -> None:
    generator = tiny_stylegan3("r")
    decoder = {f"decoder.{name}": tensor for name, tensor in generator.state_dict().items()}
    encoder = {"encoder.input_layer.0.weight": torch.ones(64, 6, 3, 3)}
    options = {"encoder_type": "ProgressiveBackboneEncoder", "input_nc": 6, "output_size": 1024}
    torch.save({"state_dict": {**encoder, **decoder}, "opts": options}, tmp_path / "restyle.pt")
    assert_same(load_generator(tmp_path / "restyle.pt"), generator)
    with pytest.raises(WeightError, match="its encoder is one of ReStyle, which takes a photo and its last reconst"):
        load_encoder(tmp_path / "restyle.pt")
