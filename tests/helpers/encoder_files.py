"""Small files of e4e and pSp."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.networks.e4e import Encoder
from styleclip.networks.generator import Generator
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.weights.formats import rosinality
from styleclip.weights.load import load_encoder
from tests.golden import fill
from tests.helpers.tiny import tiny_generator

SMALL = 4  # vectors of W+ of an 8 px generator: the first two levels of the pyramid
E4E = {"encoder_type": "Encoder4Editing", "start_from_latent_avg": True, "stylegan_size": 8, "device": "cuda"}
PSP = {"encoder_type": "GradualStyleEncoder", "start_from_latent_avg": True, "output_size": 8, "n_styles": SMALL}
PSP |= {"learn_in_w": False, "label_nc": 0, "input_nc": 3}


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def drawn(name: str, keep: range) -> dict[str, Tensor]:
    """The weights of a golden encoder, with these of its styles; all encoders have those of the small one."""
    known, small_meta, meta = small_encoder(), fill.meta("e4e_encoder_256"), fill.meta(name)
    shapes = shapes_of(name, keep)
    assert (meta["rules"], meta["seed"]) == (small_meta["rules"], small_meta["seed"])
    assert all(list(tensor.shape) == shapes[key] for key, tensor in known.items())
    others = fill.fill({key: shape for key, shape in shapes.items() if key not in known}, meta["rules"], meta["seed"])
    weights = {**known, **{key: torch.from_numpy(np.asarray(value)) for key, value in others.items()}}
    return {f"encoder.{key}": weights[key] for key in shapes}


@functools.cache
def small_encoder() -> dict[str, Tensor]:
    """The weights of the golden encoder at 256 px with the first `SMALL` of its styles."""
    meta = fill.meta("e4e_encoder_256")
    arrays = fill.fill(shapes_of("e4e_encoder_256", range(SMALL)), meta["rules"], meta["seed"])
    return {key: torch.from_numpy(np.asarray(value)) for key, value in arrays.items()}


def shapes_of(name: str, keep: range) -> dict[str, list[int]]:
    """The tensors of a golden encoder with these of its styles."""
    return {key: shape for key, shape in fill.meta(name)["keys"].items() if style_of(key) in keep}


def style_of(key: str) -> int:
    return int(key.split(".")[1]) if key.startswith("styles.") else 0


AVERAGE = random(SMALL, 512)


@functools.cache
def generator() -> Generator:
    return tiny_generator(StyleGAN2Config(4, 512, (4, 512), {4: 3, 8: 2}))


def decoder() -> dict[str, Tensor]:
    tensors = rosinality.export_generator(generator().state_dict())["g_ema"]
    assert isinstance(tensors, dict)
    return {f"decoder.{name}": value for name, value in tensors.items()}


@functools.cache
def small() -> dict[str, Tensor]:
    return {**drawn("e4e_encoder_256", range(SMALL)), **decoder()}


def hollow(**changes: Any) -> dict[str, Any]:
    """A file of the right names whose tensors hold one number each: all it takes to see what is said of the names."""
    encoder = [f"encoder.{key}" for key in shapes_of("e4e_encoder_256", range(SMALL))]
    names = {name: torch.zeros(()) for name in (*encoder, *decoder())}
    return {"state_dict": names, "latent_avg": torch.ones(SMALL, 512), "opts": E4E} | changes


def save(content: dict[str, Any], path: Path, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    resume = {"optimizer": {"state": {0: {"step": 3, "exp_avg": torch.ones(2)}}}, "global_step": 7}
    critic = {"discriminator_state_dict": {"convs.0.0.weight": torch.ones(2)}, "best_val_loss": 0.5}
    content = {"state_dict": small(), "latent_avg": AVERAGE, "opts": E4E, **resume, **critic}
    return save(content, tmp_path_factory.mktemp("e4e") / "e4e.pt")


@pytest.fixture(scope="module")
def encoder(path: Path) -> Encoder:
    return load_encoder(path)
