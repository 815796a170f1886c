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
from tests.helpers.compare_networks import assert_same
from tests.helpers.tiny_stylegan3 import tiny_stylegan3


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_generator(tiny_stylegan3(), tmp_path_factory.mktemp("sg3") / "source.safetensors", {"licence": "ours"})


def test_to_our_format(tmp_path: Path, source: Path) -> None:
    done = convert(source, tmp_path / "sg3.safetensors")
    assert (done.format, done.difference) == ("styleclip", 0)
    converted = load_generator(tmp_path / "sg3.safetensors")
    assert_same(converted, tiny_stylegan3())
    assert converted.config == tiny_stylegan3().config and fingerprint(converted) == fingerprint(tiny_stylegan3())
    assert describe(tmp_path / "sg3.safetensors")["parts"][0]["licence"] == "ours"


def test_to_a_state_dict_with_the_names_and_shapes_of_nvidia(tmp_path: Path, source: Path) -> None:
    done = convert(source, tmp_path / "sg3.pt", "nvidia")
    assert (done.format, done.difference) == ("nvidia", 0)
    assert_same(load_generator(tmp_path / "sg3.pt"), tiny_stylegan3())
    state = torch.load(tmp_path / "sg3.pt", weights_only=True)
    expected = tiny_stylegan3().state_dict()
    assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in expected.items()}
    assert "Nvidia Source Code License" in describe(tmp_path / "sg3.pt")["parts"][0]["licence"]


def test_in_half_precision_the_filters_stay(tmp_path: Path, source: Path) -> None:
    done = convert(source, tmp_path / "sg3.pt", "nvidia", torch.float16)
    assert 0 < done.difference < 0.05
    state, whole = torch.load(tmp_path / "sg3.pt", weights_only=True), tiny_stylegan3().state_dict()
    kept = {name for name, tensor in state.items() if tensor.dtype == torch.float32}
    assert {name for name in state if name.endswith(("_filter", "magnitude_ema", "freqs", "phases"))} <= kept
    assert all(torch.equal(state[name], whole[name]) for name in kept)


def test_rosinality_has_no_stylegan3(tmp_path: Path, source: Path) -> None:
    with pytest.raises(WeightError, match="rosinality's format is one of StyleGAN2, .* StyleGAN3; use --to nvidia"):
        convert(source, tmp_path / "sg3.pt")
    assert not [*tmp_path.iterdir()]
