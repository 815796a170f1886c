"""The rasteriser: areas, gradients, symmetries, and the same picture as by supersampling."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from styleclip.canvases.strokes.canvas import StrokeCanvas
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes, black
from styleclip.errors import NumericError, UsageError
from tests.helpers.strokes import random_strokes, straight, supersampled

SIZE = (40, 40)
LEVEL = 2 / 255  # of 8 bits, in [-1, 1]


def ink(strokes: Strokes, size: tuple[int, int] = SIZE) -> Tensor:
    """[H, W] covered parts of black strokes."""
    return (1 - rasterise(strokes, size)[0]) / 2


@pytest.mark.parametrize("width", [0.25, 0.5, 0.75, 1.0, 1.5, 3.0, 8.0])
@pytest.mark.parametrize("end", [(34.7, 6.3), (30.4, 25.1), (6.3, 34.0), (29.3, 29.3)])
def test_area_of_a_straight_stroke(width: float, end: tuple[float, float]) -> None:
    start = (6.3, 6.3)
    area = width * math.dist(start, end) + math.pi * width**2 / 4
    assert ink(straight(start, end, width)).sum().item() == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize(("width", "tolerance"), [(0.5, 0.01), (1.0, 0.03), (1.5, 0.03), (2.0, 0.03), (6.0, 0.01)])
def test_area_of_a_dot(width: float, tolerance: float) -> None:
    dot = straight((20.3, 20.6), (20.3, 20.6), width)
    assert ink(dot).sum().item() == pytest.approx(math.pi * width**2 / 4, rel=tolerance)


@pytest.mark.parametrize(("width", "segments"), [(0.6, 1), (1.5, 1), (1.5, 3), (5.0, 2)])
def test_equals_a_supersampled_drawing(width: float, segments: int) -> None:
    strokes = random_strokes(4, 64.0, seed=2, width=width, segments=segments)
    expected = supersampled(strokes, (64, 64))
    error = (rasterise(strokes, (64, 64)) - expected).abs()
    assert error.mean() < LEVEL
    assert error[:, (expected < 1).any(dim=0)].mean() < 2 * LEVEL


@pytest.mark.parametrize(("width", "segments"), [(0.4, 1), (1.5, 2), (6.0, 1)])
def test_gradient_equals_finite_differences(width: float, segments: int) -> None:
    strokes, size, step = random_strokes(2, 16.0, seed=5, width=width, segments=segments), (16, 16), 1e-5
    weight = torch.randn(3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for part in ("points", "widths", "colors"):
        values = getattr(strokes, part).clone().requires_grad_()
        (rasterise(replace(strokes, **{part: values}), size) * weight).sum().backward()
        expected = torch.zeros_like(values)
        for i in range(values.numel()):
            change = torch.zeros(values.numel(), dtype=torch.float64)
            change[i] = step
            shifted = [getattr(strokes, part) + sign * change.view_as(values) for sign in (1, -1)]
            up, down = (rasterise(replace(strokes, **{part: each}), size) * weight for each in shifted)
            expected.view(-1)[i] = (up - down).sum() / (2 * step)
        assert values.grad is not None
        assert (values.grad - expected).abs().max() < 1e-3 * expected.abs().max()


def test_reversal_changes_nothing() -> None:
    strokes = random_strokes(5, 40.0, seed=3, segments=2)
    reversed_ = replace(strokes, points=strokes.points.flip(1))
    assert torch.allclose(rasterise(strokes, SIZE), rasterise(reversed_, SIZE), atol=1e-9)


def test_one_colour_needs_no_order() -> None:
    strokes = random_strokes(6, 40.0, seed=4)
    strokes = replace(strokes, colors=black(6, strokes.points))
    order = torch.tensor([4, 2, 0, 5, 3, 1])
    assert torch.allclose(rasterise(strokes, SIZE), rasterise(strokes[order], SIZE), atol=1e-12)


def test_the_last_stroke_lies_on_top() -> None:
    both = [straight((2, 10), (38, 10), 4), straight((10, 2), (10, 38), 4)]
    colors = torch.tensor([[1.0, 0, 0, 1], [0, 0, 1, 0.5]], dtype=torch.float64)
    strokes = Strokes(torch.cat([s.points for s in both]), torch.cat([s.widths for s in both]), colors)
    picture = rasterise(strokes, SIZE)
    assert torch.allclose(picture[:, 10, 10], torch.tensor([0.0, -1.0, 0.0], dtype=torch.float64))
    assert torch.allclose(picture[:, 10, 20], torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    assert torch.allclose(picture[:, 20, 10], torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))


def test_a_background_shows_where_nothing_is_painted() -> None:
    photo = torch.rand(3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    strokes = straight((5, 20), (35, 20), 3)
    picture = rasterise(strokes, SIZE, photo)
    assert torch.equal(picture[:, 25:], photo[:, 25:])
    assert torch.allclose(picture[:, 19:21, 10:30], torch.tensor(-1.0, dtype=torch.float64))
    assert torch.equal(rasterise(strokes[:0], SIZE, photo), photo)


def test_a_stroke_beside_the_canvas_paints_nothing() -> None:
    assert (rasterise(straight((-30, -5), (-3, 60)), SIZE) == 1).all()
    cut = ink(straight((-20, 20), (60, 20), 2))
    assert cut.sum().item() == pytest.approx(80, rel=1e-3)  # all 40 columns, 2 px


def test_segments_after_the_count_are_not_drawn() -> None:
    strokes = random_strokes(2, 40.0, seed=6, segments=3)
    shorter = replace(strokes, segments=torch.tensor([1, 1]))
    assert torch.equal(rasterise(shorter, SIZE), rasterise(replace(strokes, points=strokes.points[:, :4]), SIZE))


@pytest.mark.parametrize("width", [0.3, 1.5, 5.0])
@pytest.mark.parametrize(
    "points", [[[9.5, 9.5]] * 4, [[3.0, 3], [3, 3], [20, 9], [20, 9]], [[3.0, 3], [20, 9], [20, 9], [3, 3]]]
)
def test_degenerate_strokes_have_finite_gradients(width: float, points: list[list[float]]) -> None:
    values = [torch.tensor([points]), torch.tensor([width]), torch.tensor([[0.2, 0.4, 0.6, 0.8]])]
    parts = [each.requires_grad_() for each in values]
    picture = rasterise(Strokes(*parts), SIZE)
    picture.square().sum().backward()
    assert picture.isfinite().all() and picture.amin() < 0.99
    assert all(each.grad is not None and each.grad.isfinite().all() for each in parts)


def test_values_that_are_not_finite_are_refused() -> None:
    strokes = straight((3, 3), (9, 9))
    with pytest.raises(NumericError, match="NaN"):
        rasterise(replace(strokes, widths=strokes.widths * torch.nan), SIZE)


def test_shapes_are_checked() -> None:
    with pytest.raises(UsageError, match="3K"):
        Strokes(torch.zeros(2, 5, 2), torch.ones(2), torch.ones(2, 4))
    with pytest.raises(UsageError, match=r"\[2, 4\]"):
        Strokes(torch.zeros(2, 4, 2), torch.ones(2), torch.ones(2, 3))


def test_a_canvas_is_fitted_to_a_picture() -> None:
    target = rasterise(straight((8, 12), (30, 26), 3), SIZE).float()
    start = straight((8, 16), (30, 22), 1.5)
    canvas = StrokeCanvas(Strokes(start.points.float(), start.widths.float(), start.colors.float()), SIZE)
    optimizer = torch.optim.Adam(canvas.groups({"points": 0.4, "widths": 0.15}))
    losses = []
    for _ in range(25):
        loss = (canvas() - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        canvas.limit(0.5, 10)
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert canvas.widths.item() == pytest.approx(3, abs=0.5)
    assert not canvas.colors.requires_grad
