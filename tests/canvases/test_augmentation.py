"""Perspective and crops as one resampling."""

from __future__ import annotations

import torch

from styleclip.canvases.augmentation import CORNERS, random_crops, random_perspectives, warp


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def ramp(side: int = 32) -> torch.Tensor:
    """Images [1, 2, side, side] whose pixels are their own place, in fractions of the side."""
    place = (torch.arange(side) + 0.5) / side
    return torch.stack([place.expand(side, side), place[:, None].expand(side, side)])[None]


def test_the_identity_changes_nothing() -> None:
    image = torch.randn(2, 3, 9, 13, generator=generator())
    assert torch.allclose(warp(image, torch.eye(3).expand(2, 3, 3)), image, atol=1e-5)


def test_a_perspective_moves_the_corners_inwards() -> None:
    transforms = random_perspectives(200, generator(), distortion=0.5)
    corners = torch.cat([torch.tensor(CORNERS), torch.ones(4, 1)], dim=1).T
    shown = torch.linalg.inv(transforms) @ corners  # where the corners of the input are in the output
    places = shown[:, :2] / shown[:, 2:]
    inwards = torch.minimum(places, 1 - places)
    assert inwards.min() > -1e-4
    assert 0.24 < inwards.max() < 0.2501
    assert abs(inwards.mean() - 0.125) < 0.01


def test_outside_of_the_image_is_the_fill() -> None:
    warped = warp(torch.ones(8, 1, 32, 32), random_perspectives(8, generator()), fill=-1.0)
    assert (warped[:, :, :1, :1] == -1).float().mean() > 0.5
    assert torch.allclose(warped[:, :, 16, 16], torch.ones(8, 1))


def test_a_crop_shows_a_part() -> None:
    transforms = random_crops(16, generator(), (0.49, 0.49))
    warped = warp(ramp().expand(16, -1, -1, -1), transforms)
    x = warped[:, 0, 16]
    assert torch.allclose(x[:, 20] - x[:, 10], torch.full((16,), 0.7 * 10 / 32), atol=1e-4)
    assert warped[:, :, 2:-2, 2:-2].min() >= 0
    areas = random_crops(500, generator(), (0.7, 0.9))[:, 0, 0].square()
    assert 0.7 <= areas.min() < 0.71
    assert 0.89 < areas.max() <= 0.9


def test_transforms_compose() -> None:
    first, second = random_crops(1, generator(), (0.8, 0.8)), random_crops(1, generator(), (0.6, 0.6))
    in_turn, at_once = warp(warp(ramp(), first), second), warp(ramp(), first @ second)
    assert torch.allclose(in_turn[..., 3:-3, 3:-3], at_once[..., 3:-3, 3:-3], atol=1e-4)


def test_the_gradient_reaches_the_image() -> None:
    image = torch.zeros(1, 1, 8, 8, requires_grad=True)
    warp(image, random_perspectives(1, generator())).sum().backward()
    assert image.grad is not None
    assert image.grad.sum() > 1
