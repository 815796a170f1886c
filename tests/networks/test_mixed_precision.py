"""Half precision: what CLIP sees of a picture stays, and everything else is computed as before."""

import copy

import pytest
import torch

import styleclip
from styleclip.latents import Latent, Space
from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.networks.generator import FULL_PRECISION_PX

HALF = torch.bfloat16
SAME = 0.999  # cosine of CLIP's features: two seeds of the demo generator are at .99 or less


@pytest.fixture(scope="module")
def latent(demo: Models) -> Latent:
    z = torch.randn(16, demo.generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    return demo.generator.to_space(Latent(Space.Z, z), Space.W_PLUS)


@torch.no_grad()
@pytest.mark.parametrize("above", [FULL_PRECISION_PX, 4])
@pytest.mark.parametrize("lowered", ["generator", "clip", "both"])
def test_clip_sees_the_same_pictures(demo: Models, latent: Latent, above: int, lowered: str) -> None:
    generator, clip = copy.deepcopy(demo.generator), copy.deepcopy(demo.clip)
    if lowered != "clip":
        generator.to_mixed_precision(HALF, above)
    if lowered != "generator":
        clip.to_mixed_precision(HALF)
    image, expected = generator(latent), demo.generator(latent)
    assert image.dtype == torch.float32
    assert torch.equal(image, expected) == (lowered == "clip")  # or nothing would be tested
    cosine = (clip.encode_image(image) * demo.clip.encode_image(expected)).sum(dim=1)
    assert cosine.min() >= SAME
    strangers = demo.clip.encode_image(expected.roll(1, dims=0))
    assert (demo.clip.encode_image(expected) * strangers).sum(dim=1).max() < SAME


def test_latents_and_styles_keep_their_precision(demo: Models, latent: Latent) -> None:
    lowered = copy.deepcopy(demo.generator).to_mixed_precision(HALF)
    assert torch.equal(lowered.to_space(latent, Space.S).data, demo.generator.to_space(latent, Space.S).data)


def test_the_gradient_to_the_latent_keeps_its_direction(demo: Models, latent: Latent) -> None:
    found, goal = [], demo.clip.encode_text(["a face with red hair"])
    for generator in (demo.generator, copy.deepcopy(demo.generator).to_mixed_precision(HALF)):
        leaf = latent.data[:4].clone().requires_grad_()
        image = generator(Latent(Space.W_PLUS, leaf))
        similarity(demo.clip.encode_image(image), goal).sum().backward()
        found.append(leaf.grad.flatten())
    assert torch.cosine_similarity(*found, dim=0) >= 0.99  # measured: .9978


def test_models_are_loaded_at_a_precision(latent: Latent) -> None:
    models = styleclip.load("demo", dtype=HALF)
    kinds = {parameter.dtype for parameter in models.generator.synthesis.b64.conv1.parameters(recurse=False)}
    assert (kinds, models.generator.w_avg.dtype, models.generator.precision) == ({HALF}, torch.float32, HALF)
    assert models.clip.encode_image(models.render(latent[0])).dtype == torch.float32
