"""rosinality's files, and the table of names in both directions."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.networks.discriminator import Discriminator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.formats import rosinality
from styleclip.weights.load import load_generator
from tests.golden import fill
from tests.helpers.compare_networks import assert_same
from tests.helpers.from_tensors import export_discriminator, rosinality_checkpoint
from tests.helpers.tiny import TINY, tiny_generator


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_rosinality_file(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "stylegan2.pt"
    torch.save(rosinality_checkpoint(), path, _use_new_zipfile_serialization=zipped)
    generator = load_generator(str(path))
    assert_same(generator, tiny_generator())
    assert generator.config == TINY
    assert not generator.training and not any(p.requires_grad for p in generator.parameters())


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_rosinality_training_file(tmp_path: Path, zipped: bool) -> None:
    contents = {**rosinality_checkpoint(), "g": {}, "args": argparse.Namespace(size=16), "ada_aug_p": 0.0}
    del contents["latent_avg"]
    torch.save(contents, tmp_path / "training.pt", _use_new_zipfile_serialization=zipped)
    with pytest.warns(UserWarning, match="no average latent"):
        first = load_generator(tmp_path / "training.pt")
    with pytest.warns(UserWarning, match="no average latent"):
        second = load_generator(tmp_path / "training.pt")
    z = torch.randn(20000, TINY.z_dim, generator=torch.Generator().manual_seed(1))
    w = first.map(z)
    assert torch.equal(first.w_avg, second.w_avg)
    # two independent means: their difference stays within five standard errors
    assert ((first.w_avg - w.mean(dim=0)).abs() <= 5 * w.std(dim=0) * (1 / 4096 + 1 / 20000) ** 0.5).all()


def test_rosinality_file_without_noise_buffers(tmp_path: Path) -> None:
    contents = rosinality_checkpoint()
    old = {name: tensor for name, tensor in contents["g_ema"].items() if not name.startswith("noises.")}
    torch.save({**contents, "g_ema": old}, tmp_path / "old.pt")
    with pytest.warns(UserWarning, match="no noise buffers"):
        tensors = load_generator(tmp_path / "old.pt").state_dict()
    with pytest.warns(UserWarning, match="no noise buffers"):
        again = load_generator(tmp_path / "old.pt").state_dict()
    noise = tensors["synthesis.b16.conv1.noise_const"]
    assert noise.shape == (16, 16) and 0.8 < noise.std() < 1.2
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


def test_round_trip_through_our_names() -> None:
    theirs = rosinality_checkpoint()
    imported = rosinality.import_generator(theirs["g_ema"], theirs["latent_avg"])
    ours = {name: tensor.read() for name, tensor in imported.items()}
    back: dict[str, Any] = dict(rosinality.export_generator(ours))
    assert back["g_ema"].keys() == theirs["g_ema"].keys()
    assert all(torch.equal(back["g_ema"][name], tensor) for name, tensor in theirs["g_ema"].items())
    assert torch.equal(back["latent_avg"], theirs["latent_avg"])
    assert theirs["g_ema"]["convs.0.conv.blur.kernel"].sum() == 4


def test_discriminator_round_trip_has_the_golden_names() -> None:
    ours = Discriminator({4: 6, 8: 5, 16: 4, 32: 4, 64: 3}).state_dict()
    theirs = export_discriminator(ours)
    assert theirs.keys() == fill.meta("discriminator_rosinality_64")["keys"].keys()
    back = rosinality.import_discriminator(theirs)
    assert back.keys() == ours.keys() and all(torch.equal(back[name].read(), ours[name]) for name in ours)


def test_generator_export_has_the_golden_names() -> None:
    names = fill.meta("stylegan2_rosinality_64")["keys"].keys()
    config = StyleGAN2Config(4, 4, (4,) * 8, dict.fromkeys((4, 8, 16, 32, 64), 2))
    theirs: dict[str, Any] = dict(rosinality.export_generator(tiny_generator(config).state_dict()))
    assert theirs["g_ema"].keys() == names
