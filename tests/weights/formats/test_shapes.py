"""Files of generators of pictures that are not square or not RGB, by every author."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.errors import WeightError, WeightWarning
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.convert import convert
from styleclip.weights.describe import describe
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.generator_configs import generator_config
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from tests.helpers.checkpoint_writers import save_pickle, tf_generator, write_nvidia_pickle, write_pti, write_tf_pickle
from tests.helpers.nvidia_trees import Network, nvidia_generator
from tests.helpers.shapes import SHAPES
from tests.helpers.tiny import TINY, tiny_generator

every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def write_rosinality(path: Path, generator: Generator) -> Path:
    torch.save(rosinality.export_generator(generator.state_dict()), path)
    return path


def write_own(path: Path, generator: Generator) -> Path:
    return save_generator(generator, path.with_suffix(".safetensors"))


def of_one_width(shape: StyleGAN2Config) -> Generator:
    """With z as wide as w, as rosinality's are."""
    return tiny_generator(replace(shape, z_dim=8, mapping_widths=(8, 8)))


def picture(generator: Generator) -> torch.Tensor:
    z = torch.randn(2, generator.config.z_dim, generator=torch.Generator().manual_seed(1))
    return generator(generator.truncate(Latent(Space.Z, z), 0.7))


@every_shape
@pytest.mark.parametrize("write", [write_nvidia_pickle, write_pti, write_tf_pickle, write_rosinality, write_own])
def test_files_draw_the_same(tmp_path: Path, write: Callable[..., Path], shape: StyleGAN2Config) -> None:
    generator = of_one_width(shape)
    path = write(tmp_path / "g.pkl", generator)
    loaded = load_generator(path)
    assert loaded.config == generator.config
    torch.testing.assert_close(picture(loaded), picture(generator), atol=1e-5, rtol=1e-5)
    [part] = [part for part in describe(path)["parts"] if part["kind"] == "generator"]
    assert "problem" not in part
    assert part.get("image_size", [16, 16]) == [*shape.image_size]
    assert part.get("img_channels", 3) == shape.img_channels


@pytest.mark.parametrize("target", ["styleclip", "rosinality", "nvidia"])
def test_conversions(tmp_path: Path, target: Any) -> None:
    """`convert` compares the pictures itself."""
    for name, shape in SHAPES.items():
        source = write_own(tmp_path / f"{name}.pkl", of_one_width(shape))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("styleclip.weights.convert._warn", lambda message: None)
            out = tmp_path / f"{name}.{target}{'.safetensors' if target == 'styleclip' else '.pt'}"
            convert(source, out, target)
        assert load_generator(out).config.image_size == shape.image_size


@every_shape
def test_noise_that_a_file_lacks_has_the_shape_of_its_layer(tmp_path: Path, shape: StyleGAN2Config) -> None:
    generator = of_one_width(shape)
    tensors: Any = rosinality.export_generator(generator.state_dict())
    tensors["g_ema"] = {name: tensor for name, tensor in tensors["g_ema"].items() if "noises." not in name}
    torch.save(tensors, tmp_path / "g.pt")
    with pytest.warns(WeightWarning, match="no noise buffers"):
        assert picture(load_generator(tmp_path / "g.pt")).shape[1:] == picture(generator).shape[1:]

    network = nvidia_generator(generator)
    for name in ("b4.conv1", "b8.conv0"):
        layer = network.at(f"synthesis.{name}")
        layer["use_noise"] = False
        del layer["_buffers"]["noise_const"], layer["_parameters"]["noise_strength"]
    loaded = load_generator(save_pickle({"G_ema": network}, tmp_path / "g.pkl"))
    assert picture(loaded).shape == picture(generator).shape


def test_arguments_that_give_the_shape(tmp_path: Path) -> None:
    """Of rectangular forks of StyleGAN2 for TensorFlow."""
    for more in ({"resolution_h": 16, "resolution_w": 8}, {"init_res": [4, 2]}):
        network = tf_generator(tiny_generator(SHAPES["tall"]), **more)
        path = save_pickle((Network(), Network(), network), tmp_path / "g.pkl", protocol=3)
        assert load_generator(path).image_size == (16, 8)


def test_other_numbers_of_channels_are_refused(tmp_path: Path) -> None:
    for channels in (5, 6):
        path = write_nvidia_pickle(tmp_path / "g.pkl", tiny_generator(replace(SHAPES["grey"], img_channels=channels)))
        with pytest.raises(
            WeightError, match=f"its pictures have {channels} channels; pass a generator of grey or RGB"
        ):
            load_generator(path)


def test_pictures_of_impossible_size_are_refused(tmp_path: Path) -> None:
    """Before noise of their size, which the file lacks, is drawn."""
    generator = of_one_width(TINY)
    theirs: Any = rosinality.export_generator(generator.state_dict())
    theirs["g_ema"] = {name: tensor for name, tensor in theirs["g_ema"].items() if "noises." not in name}
    for height in (300, 0):
        theirs["g_ema"]["input.input"] = torch.zeros(1, 6, height, 4)
        torch.save(theirs, tmp_path / "g.pt")
        with pytest.raises(WeightError, match=f"its constant has {height} x 4 px; pass a StyleGAN2 generator"):
            load_generator(tmp_path / "g.pt")
    tensors = {f"synthesis.b{2**k}.{name}": torch.zeros(1, 1, 1, 1) for k in range(2, 15) for name in ("conv1.weight",)}
    tensors |= {"synthesis.b4.const": torch.zeros(1, 4, 8), "synthesis.b4.torgb.weight": torch.zeros(3, 1, 1, 1)}
    tensors |= {"mapping.fc0.weight": torch.zeros(1, 1), "synthesis.b4.conv1.affine.weight": torch.zeros(1, 1)}
    with pytest.raises(WeightError, match="it draws 32768 x 16384 px, more than any StyleGAN2; do not trust it"):
        generator_config(tensors)
