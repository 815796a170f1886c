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
    assert torch.equal(folded.w_avg, generator.w_avg)
    saved = load_generator(save_generator(folded, tmp_path / "folded.safetensors"))
    assert torch.equal(saved.map(z()), folded.map(z()))


def unfused(tensors: dict[str, Tensor], z: Tensor, label: int, lr_mul: float) -> Tensor:
    """The conditional mapping network as it is defined, with one-hot classes."""

    def normal(x: Tensor) -> Tensor:
        return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()

    def layer(x: Tensor, name: str, lr_mul: float) -> Tensor:
        weight, bias = tensors[f"mapping.{name}.weight"], tensors[f"mapping.{name}.bias"]
        return x @ weight.T * (lr_mul / math.sqrt(x.shape[1])) + bias * lr_mul

    c = F.one_hot(torch.full((len(z),), label), CLASSES).float()
    x = torch.cat([normal(z), normal(layer(c, "embed", 1))], dim=1)
    for name in ("fc0", "fc1"):
        x = F.leaky_relu(layer(x, name, lr_mul), 0.2) * math.sqrt(2)
    return x


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
