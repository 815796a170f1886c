"""Our networks against recorded outputs of the reference implementations, float32 on a CPU."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.networks.arcface import ArcFace, face_resize
from styleclip.networks.discriminator import Discriminator
from styleclip.networks.generator import Generator
from styleclip.networks.resize import apply_resizes
from styleclip.weights.formats import rosinality
from styleclip.weights.state_dict import load_strict
from tests.golden import fill
from tests.helpers.from_tensors import generator_from_tensors

ROSINALITY = ("stylegan2_rosinality_64", "stylegan2_rosinality_256")
NVIDIA = ("stylegan2_nvidia_64", "stylegan2_nvidia_tiny32")
GENERATORS = ROSINALITY + NVIDIA
IMAGE, CODE = 1e-4, 1e-5  # images range over about +-10: ten times the references' own rounding


@functools.cache
def tensors(name: str) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in fill.state_dict(name).items()}


@functools.cache
def vectors(name: str) -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in fill.vectors(name).items() if value.dtype.kind == "f"}


@functools.cache
def generator(name: str) -> Generator:
    if name in NVIDIA:
        return generator_from_tensors(tensors(name))
    ours = rosinality.import_generator(tensors(name), vectors(name)["trunc_latent"])
    return generator_from_tensors(ours)


def render(name: str, latent: Latent, **options: Any) -> Tensor:
    """The image, strided to the size that was recorded."""
    with torch.no_grad():
        return strided(name, generator(name)(latent, **options))


def strided(name: str, image: Tensor) -> Tensor:
    stride = generator(name).resolution // vectors(name)["image_z"].shape[-1]
    return image[:, :, ::stride, ::stride]


@functools.cache
def image_from_w_plus(name: str) -> Tensor:
    with torch.no_grad():
        return generator(name)(Latent(Space.W_PLUS, vectors(name)["w_plus"]))


def error(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


@pytest.mark.parametrize("name", GENERATORS)
def test_mapping(name: str) -> None:
    golden = vectors(name)
    assert error(generator(name).map(golden["z"]), golden["w"]) <= CODE


@pytest.mark.parametrize("name", GENERATORS)
def test_image_from_z(name: str) -> None:
    golden = vectors(name)
    assert error(render(name, Latent(Space.Z, golden["z"])), golden["image_z"]) <= IMAGE


@pytest.mark.parametrize("name", GENERATORS)
def test_image_from_w_plus(name: str) -> None:
    golden = vectors(name)
    assert error(strided(name, image_from_w_plus(name)), golden["image_w_plus"]) <= IMAGE


@pytest.mark.parametrize("name", ROSINALITY)
def test_statistics_of_the_whole_image(name: str) -> None:
    golden, image = vectors(name), image_from_w_plus(name)
    assert error(image.mean(dim=(2, 3)), golden["image_w_plus_mean"]) <= IMAGE
    assert error(image.std(dim=(2, 3)), golden["image_w_plus_std"]) <= IMAGE


@pytest.mark.parametrize("name", ROSINALITY)
def test_flat_styles(name: str) -> None:
    golden = vectors(name)
    styles = generator(name).to_space(Latent(Space.W_PLUS, golden["w_plus"]), Space.S).data
    assert error(styles, golden["styles_w_plus"]) <= CODE


@pytest.mark.parametrize("name", ROSINALITY)
def test_truncated_image(name: str) -> None:
    golden = vectors(name)
    truncated = generator(name).truncate(Latent(Space.Z, golden["z"]), psi=0.5)
    assert error(render(name, truncated), golden["image_trunc_0_5"]) <= IMAGE


@pytest.mark.parametrize("name", NVIDIA)
def test_truncation_with_cutoff(name: str) -> None:
    golden = vectors(name)
    truncated = generator(name).truncate(Latent(Space.Z, golden["z"]), psi=0.5, cutoff=4)
    assert error(truncated.data, golden["w_trunc"]) <= CODE


@pytest.mark.parametrize("name", NVIDIA)
def test_image_without_noise(name: str) -> None:
    golden = vectors(name)
    image = render(name, Latent(Space.W_PLUS, golden["w_plus"]), noise="none")
    assert error(image, golden["image_w_plus_nonoise"]) <= IMAGE


def test_discriminator() -> None:
    name = "discriminator_rosinality_64"
    seed = fill.meta(name)["seed"]
    ours = rosinality.import_discriminator(tensors(name))
    discriminator = load_strict(Discriminator(dict.fromkeys((64, 32, 16, 8, 4), 512)), ours)
    image = torch.from_numpy(fill.draw("input.image", (4, 3, 64, 64), seed))
    assert error(discriminator(image), vectors(name)["logits"]) <= IMAGE


def test_arcface() -> None:
    name = "arcface_ir_se50"
    arcface = ArcFace()
    arcface.load_state_dict(tensors(name), strict=True)
    arcface.eval()
    face = 0.5 * torch.from_numpy(fill.draw("input.face", (2, 3, 112, 112), fill.meta(name)["seed"]))
    with torch.no_grad():
        features = arcface(face)
        frame = torch.nn.functional.interpolate(face[:1], size=512)
        assert error(arcface.embed(frame), arcface(crop_face(frame))) == 0
    assert error(features, vectors(name)["features"]) <= CODE
    assert len(arcface.state_dict()) == 397 and sum(p.numel() for p in arcface.parameters()) == 43_797_696


def crop_face(frame: torch.Tensor) -> torch.Tensor:
    return apply_resizes(frame, face_resize(*frame.shape[2:], frame.device))[0]


def test_face_crop_is_rows_35_to_223_and_columns_32_to_220() -> None:
    frame = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.adaptive_avg_pool2d(frame[:, :, 35:223, 32:220], 112)
    assert torch.allclose(crop_face(frame), expected, atol=1e-6)
    doubled = frame.repeat_interleave(2, 2).repeat_interleave(2, 3)  # a larger frame is averaged down first
    assert torch.allclose(crop_face(doubled), expected, atol=1e-6)
