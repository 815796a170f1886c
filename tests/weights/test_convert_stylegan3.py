"""Converting a StyleGAN3: to our format and to NVIDIA's names and back, and not to rosinality's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from styleclip.errors import WeightError
from styleclip.weights.convert import convert
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import fingerprint, load_generator
from tests.golden import fill
from tests.helpers.compare_networks import assert_same
from tests.helpers.stylegan3_trees import make_conditional, write_stylegan3
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

PICKLE = fill.HERE / "stylegan3_t_64.pkl"


def test_to_our_format(tmp_path: Path) -> None:
    done = convert(PICKLE, tmp_path / "sg3.safetensors")
    assert (done.format, done.difference) == ("styleclip", 0)
    source, converted = load_generator(PICKLE), load_generator(tmp_path / "sg3.safetensors")
    assert_same(converted, source)
    assert converted.config == source.config and fingerprint(converted) == fingerprint(source)
    assert "Nvidia Source Code License" in describe(tmp_path / "sg3.safetensors")["parts"][0]["licence"]


def test_to_a_state_dict_with_the_names_and_shapes_of_nvidia(tmp_path: Path) -> None:
    done = convert(PICKLE, tmp_path / "sg3.pt", "nvidia")
    assert (done.format, done.difference) == ("nvidia", 0)
    assert_same(load_generator(tmp_path / "sg3.pt"), load_generator(PICKLE))
    state = torch.load(tmp_path / "sg3.pt", weights_only=True)
    assert {name: list(tensor.shape) for name, tensor in state.items()} == fill.meta("stylegan3_t_64")["keys"]


def test_in_half_precision_the_filters_stay(tmp_path: Path) -> None:
    generator = tiny_stylegan3("r")
    path = save_generator(generator, tmp_path / "sg3.safetensors")
    done = convert(path, tmp_path / "sg3.pt", "nvidia", torch.float16)
    assert 0 < done.difference < 0.05
    state, source = torch.load(tmp_path / "sg3.pt", weights_only=True), generator.state_dict()
    kept = {name for name, tensor in state.items() if tensor.dtype == torch.float32}
    assert {name for name in state if name.endswith(("_filter", "magnitude_ema", "freqs", "phases"))} <= kept
    assert all(torch.equal(state[name], source[name]) for name in kept)


def test_one_class_of_several(tmp_path: Path) -> None:
    source = write_stylegan3(tmp_path / "classes.pkl", make_conditional)
    convert(source, tmp_path / "two.safetensors", label=2)
    assert_same(load_generator(tmp_path / "two.safetensors"), load_generator(source, label=2))


def test_rosinality_has_no_stylegan3(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="rosinality's format is one of StyleGAN2, .* StyleGAN3; use --to nvidia"):
        convert(PICKLE, tmp_path / "sg3.pt")
    assert not [*tmp_path.iterdir()]
