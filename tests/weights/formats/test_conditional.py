"""Conditional generators: a class is chosen when the file is loaded, and becomes part of the mapping network."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Latent, Space
from styleclip.weights.describe import describe
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from tests.helpers.checkpoint_writers import write_nvidia_pickle, write_tf_pickle
from tests.helpers.compare_networks import SAME, error, z
from tests.helpers.nvidia_trees import conditional
from tests.helpers.tiny import TINY, tiny_generator

CLASSES = 5
both_files = pytest.mark.parametrize("write", [write_nvidia_pickle, write_tf_pickle], ids=["nvidia", "tensorflow"])


@both_files
@pytest.mark.parametrize("label", range(CLASSES))
def test_a_class_is_folded_into_the_first_layer(tmp_path: Path, write: Callable[..., Path], label: int) -> None:
    config = replace(TINY, mapping_lr_mul=0.02)
    generator = tiny_generator(config)
    path = write(tmp_path / "conditional.pkl", generator, c_dim=CLASSES)
    folded = load_generator(path, label=label)
    assert folded.config == config
    assert error(folded.map(z()), unfused(conditional(generator, CLASSES), z(), label, lr_mul=0.02)) <= SAME
    assert not torch.equal(folded.w_avg, generator.w_avg), "the file has the mean over all classes"
    saved = load_generator(save_generator(folded, tmp_path / "folded.safetensors"))
    assert torch.equal(saved.map(z()), folded.map(z())) and torch.equal(saved.w_avg, folded.w_avg)


def unfused(tensors: dict[str, Tensor], z: Tensor, label: int, lr_mul: float) -> Tensor:
    """The conditional mapping network as it is defined, with one-hot classes."""

    def normal(x: Tensor) -> Tensor:
        return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()

    def layer(x: Tensor, name: str, lr_mul: float) -> Tensor:
        weight, bias = tensors[f"mapping.{name}.weight"], tensors[f"mapping.{name}.bias"]
        return x @ weight.T * (lr_mul / math.sqrt(x.shape[1])) + bias * lr_mul

    c = F.one_hot(torch.full((len(z),), label), CLASSES).to(z)
    x = torch.cat([normal(z), normal(layer(c, "embed", 1))], dim=1)
    for name in ("fc0", "fc1"):
        x = F.leaky_relu(layer(x, name, lr_mul), 0.2) * math.sqrt(2)
    return x


def test_truncation_pulls_to_the_average_of_the_class(tmp_path: Path) -> None:
    """`w_avg` is the mean w of the class over many z, by the definition of the mapping network."""
    generator = tiny_generator()
    path = write_nvidia_pickle(tmp_path / "conditional.pkl", generator, c_dim=CLASSES)
    tensors = {name: tensor.double() for name, tensor in conditional(generator, CLASSES).items()}
    for label in (0, 3):
        many = torch.randn(10_000, TINY.z_dim, generator=torch.Generator().manual_seed(0)).double()
        average = unfused(tensors, many, label, lr_mul=TINY.mapping_lr_mul).mean(dim=0).float()
        loaded = load_generator(path, label)
        torch.testing.assert_close(loaded.w_avg, average, atol=1e-6, rtol=1e-6)
        mean = loaded.truncate(Latent(Space.Z, z()), 0.0).data
        assert torch.equal(mean, loaded.w_avg.expand_as(mean))
        assert torch.equal(load_generator(path, label).w_avg, loaded.w_avg)


def test_averages_of_all_classes_in_a_file_are_taken(tmp_path: Path) -> None:
    generator = tiny_generator()
    averages = torch.randn(CLASSES, TINY.w_dim, generator=torch.Generator().manual_seed(1))
    tensors = {**conditional(generator, CLASSES), "mapping.w_avg": averages}
    path = tmp_path / "conditional.pt"
    torch.save(tensors, path)
    assert torch.equal(load_generator(path, 2).w_avg, averages[2])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "its generator has 5 classes; choose 0 to 4 by label= or --label"),
        (5, "its generator has 5 classes, and 5 is none of them; choose 0 to 4 by label= or --label"),
        (-1, "its generator has 5 classes, and -1 is none of them; choose 0 to 4 by label= or --label"),
    ],
)
def test_a_class_must_be_chosen(tmp_path: Path, label: int | None, message: str) -> None:
    path = write_nvidia_pickle(tmp_path / "conditional.pkl", tiny_generator(), c_dim=CLASSES)
    [described] = describe(path)["parts"]
    assert (described["classes"], described["z_dim"]) == (CLASSES, TINY.z_dim)
    with pytest.raises(WeightError) as caught:
        load_generator(path, label)
    assert str(caught.value) == f"{path}: {message}"


def test_a_label_needs_classes(tmp_path: Path) -> None:
    path = write_nvidia_pickle(tmp_path / "plain.pkl", tiny_generator())
    with pytest.raises(WeightError, match="its generator has no classes; leave the label out"):
        load_generator(path, label=0)
