"""Where strokes begin: lines, saliency, points and traced lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.alignment.framing import FFHQ, Framing, Landmarks
from styleclip.canvases.sketching.edges import blur, find_lines, find_thin_lines, otsu_threshold, xdog
from styleclip.canvases.sketching.initialisation import draw_points, point_map
from styleclip.canvases.sketching.saliency import saliency
from styleclip.canvases.sketching.subject import face_region, framed_landmarks, on_white
from styleclip.canvases.sketching.tracing import trace_strokes
from styleclip.networks.clip import CLIP, build_clip
from tests.helpers.tiny import clip_config, tiny_clip


def residual_clip() -> CLIP:
    config = clip_config()
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None, "head_width": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_clip({**config, "model": {**config["model"], "vision_cfg": vision}}).eval().requires_grad_(False)


def square(colour: tuple[float, float, float] = (-1, -1, -1)) -> Tensor:
    """[1, 3, 64, 64]: a square of a colour on grey, its left edge at column 24."""
    picture = torch.zeros(1, 3, 64, 64)
    picture[:, :, 20:44, 24:44] = torch.tensor(colour)[:, None, None]
    return picture


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_otsu_separates_two_classes() -> None:
    values = torch.cat([torch.linspace(0.1, 0.3, 300), torch.linspace(0.7, 0.8, 100)])
    assert 0.3 <= otsu_threshold(values) <= 0.7
    assert otsu_threshold(torch.ones(5)) == 1


def test_a_blur_keeps_a_constant_and_spreads_a_point() -> None:
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    spread, x = blur(point, 2.0), torch.arange(33.0) - 16
    assert spread.sum().item() == pytest.approx(1, abs=1e-5)
    assert (spread[0, 0].sum(dim=0) * x.square()).sum().sqrt().item() == pytest.approx(2.0, rel=0.01)
    assert torch.allclose(blur(torch.full((1, 1, 8, 8), 0.3), 8.0), torch.tensor(0.3))


def test_lines_lie_on_the_dark_side_of_edges() -> None:
    grey = torch.zeros(1, 1, 64, 64)
    grey[..., 32:] = -1
    assert (xdog(grey)[0, 0, 32, 33:36] < 0.01).all() and (xdog(grey)[0, 0, 32, 10:31] == 1).all()
    columns = (find_lines(square())[0, 0] > 0)[112].nonzero()[:, 0] / 224 * 64
    assert 23.5 <= columns.min() < 26 and 42 < columns.max() <= 44.5


def test_thin_lines_also_lie_between_equally_light_colours() -> None:
    equal = (1.0, -0.299 / 0.587, 0.0)  # of the luminance of grey
    assert not find_lines(square(equal))[0, 0, 112, 70:170].any()
    assert find_thin_lines(square(equal))[0, 0, 112, 70:170].sum() >= 4


@pytest.mark.parametrize("make", [tiny_clip, residual_clip])
def test_saliency_is_a_map_from_0_to_1(make: Callable[[], CLIP]) -> None:
    found = saliency(make(), square()[:, :, ::2, ::2], 56)
    assert found.shape == (56, 56) and found.min() == 0 and found.max() == 1 and not found.requires_grad


def test_points_lie_on_the_map_and_follow_their_seed() -> None:
    weights = torch.zeros(50, 50)
    weights[10, 5:45] = torch.rand(40, generator=seeded()) + 0.1
    points = draw_points(weights, 30, seeded())
    assert points.shape == (30, 4, 2)
    assert torch.equal(points[:, 0, 1], torch.full((30,), 10.5 / 50))
    assert len(set(points[:, 0, 0].tolist())) == 30  # without replacement
    assert (points[:, 1:] - points[:, :-1]).abs().max() <= 0.025 + 1e-6
    assert torch.equal(points, draw_points(weights, 30, seeded()))
    assert not torch.equal(points, draw_points(weights, 30, seeded(1)))
    assert len(draw_points(weights, 60, seeded())) == 60  # more than pixels on lines


def test_salient_points_are_drawn_more_often() -> None:
    weights = torch.full((40, 40), 0.01)
    weights[:, 20:] = 1.0
    assert (draw_points(weights, 200, seeded())[:, 0, 0] > 0.5).float().mean() > 0.9


def test_traced_strokes_follow_a_circle() -> None:
    y, x = torch.meshgrid(torch.arange(224) + 0.5, torch.arange(224) + 0.5, indexing="ij")
    radius = ((x - 112).square() + (y - 112).square()).sqrt()
    points = trace_strokes(((radius - 70).abs() < 2).float(), 6, seeded())
    t = torch.linspace(0, 1, 9)
    weights = torch.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], dim=1)
    curves = weights @ points - 0.5
    assert points.shape == (6, 4, 2) and (curves.norm(dim=-1) * 224 - 70).abs().max() < 6
    octants = (torch.atan2(curves[..., 1], curves[..., 0]) / (torch.pi / 4)).floor()
    assert len(octants.unique()) == 8  # they cover the circle


def test_a_blank_picture_has_strokes_too() -> None:
    assert trace_strokes(torch.zeros(224, 224), 2, seeded()).isfinite().all()
    assert draw_points(point_map(tiny_clip(), torch.zeros(1, 3, 32, 32), None), 2, seeded()).isfinite().all()


@pytest.mark.parametrize("framing", [FFHQ, Framing(eyes=2.1, mouth=2.0, down=-0.05)])
def test_the_framed_landmarks_have_the_square_as_their_quad(framing: Framing) -> None:
    quad = framing.quad(Landmarks(*framed_landmarks(framing)))
    assert np.allclose(quad, [[0, 0], [0, 1], [1, 1], [1, 0]], atol=0.02)
    shown = on_white(-torch.ones(1, 3, 32, 32), face_region(framing, 64))
    assert shown[0, 0, 16, 16] == -1 and shown[0, :, 0].min() > 0.9
    assert torch.equal(on_white(shown, None), shown)
