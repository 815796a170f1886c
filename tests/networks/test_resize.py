"""What networks look at: the resizes they were trained with, as matrices, and several of them in one pass."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.losses import clip_and_identity_features
from styleclip.networks.arcface import face_resize
from styleclip.networks.resize import Mode, apply_resizes, square_resize
from tests.helpers.tiny import tiny_models

ROUNDING = 2e-6  # float32 sums of a few numbers of order 1


def picture(*shape: int) -> Tensor:
    return torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))


def seen(image: Tensor, size: int, mode: Mode) -> Tensor:
    return apply_resizes(image, square_resize(image, size, mode))[0]


@pytest.mark.parametrize("source", [64, 256, 1024])
@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
def test_antialiased_resizes_are_torchs(source: int, mode: Mode) -> None:
    image = picture(source, source)
    expected = F.interpolate(image.double(), (224, 224), mode=mode, antialias=True)
    torch.testing.assert_close(seen(image, 224, mode).double(), expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("source", [32, 64, 256])
def test_area_is_the_recipe_of_the_paper(source: int) -> None:
    image = picture(source, source)
    expected = F.avg_pool2d(F.interpolate(image, scale_factor=7, mode="nearest"), source // 32)
    torch.testing.assert_close(seen(image, 224, "area"), expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("source", [64, 256, 1024])
def test_the_face_is_pooled_as_the_identity_loss_of_the_paper_does(source: int) -> None:
    image = picture(source, source)
    frame = F.adaptive_avg_pool2d(image, 256)
    expected = F.adaptive_avg_pool2d(frame[:, :, 35:223, 32:220], 112)
    found = apply_resizes(image, face_resize(source, source, image.device))[0]
    torch.testing.assert_close(found, expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("shape", [(48, 24), (24, 48), (50, 31)])
@pytest.mark.parametrize("mode", ["bicubic", "bilinear", "area"])
def test_a_rectangle_is_seen_whole_on_a_black_square(shape: tuple[int, int], mode: Mode) -> None:
    """As in StyleCLIP's global_torch/manipulate.py, which made the published table of StyleGAN-Human."""
    image, side = picture(*shape), max(shape)
    top, left = ((side - length) // 2 for length in shape)
    square = torch.full((2, 3, side, side), -1.0)
    square[:, :, top : top + shape[0], left : left + shape[1]] = image
    torch.testing.assert_close(seen(image, 32, mode), seen(square, 32, mode), atol=ROUNDING, rtol=0)
    found, expected = (apply_resizes(x, face_resize(*x.shape[2:], x.device))[0] for x in (image, square))
    torch.testing.assert_close(found, expected, atol=ROUNDING, rtol=0)


def test_nothing_is_done_to_an_image_of_the_right_size() -> None:
    assert square_resize(picture(32, 32), 32, "area") is None


def test_views_in_one_pass_are_those_one_by_one() -> None:
    image = picture(64, 64).requires_grad_()
    views = square_resize(image, 24, "bicubic"), None, face_resize(64, 64, image.device)
    together, alone = apply_resizes(image, *views), [apply_resizes(image, view)[0] for view in views]
    assert together[1] is image
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, atol=ROUNDING, rtol=0)
    gradients = [torch.autograd.grad(sum(x.square().sum() for x in seen), image)[0] for seen in (together, alone)]
    torch.testing.assert_close(*gradients, atol=10 * ROUNDING, rtol=0)


def test_features_are_those_of_clip_and_of_the_recogniser() -> None:
    models, image = tiny_models(), 2 * picture(48, 48) - 1
    assert models.identity is not None
    found = clip_and_identity_features(image, models.clip, models.identity)
    expected = models.clip.encode_image(image), models.identity.embed(image)
    torch.testing.assert_close(found, expected, atol=10 * ROUNDING, rtol=0)
    assert clip_and_identity_features(image, models.clip, None)[1] is None
