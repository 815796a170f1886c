"""Strokes of the brush become a mask, and the mask a region."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from styleclip.errors import UsageError
from styleclip.images import png_bytes
from styleclip.regions import Region
from styleclip.studio.states.state import Stroke
from styleclip.studio.states.strokes import mask_picture, region_of

DOT = Stroke(False, 0.1, ((0.5, 0.5),))
LINE = Stroke(False, 0.05, ((0.1, 0.2), (0.9, 0.2), (0.9, 0.8)))
ERASER = Stroke(True, 0.05, ((0.5, 0.5),))
SIDE = 64


def mask(*strokes: Stroke, size: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    return np.asarray(mask_picture(strokes, size))


def test_a_dot_is_a_disk_of_its_radius() -> None:
    area = mask(DOT).sum() / 255 / SIDE**2
    assert area == pytest.approx(np.pi * 0.1**2, rel=0.02)
    assert mask(DOT)[SIDE // 2, SIDE // 2] == 255


def test_a_line_has_round_ends_and_no_gaps() -> None:
    drawn = mask(LINE)
    across, down = round(0.2 * SIDE), round(0.9 * SIDE)
    assert (drawn[across - 1, 7:57] == 255).all() and (drawn[13:51, down - 1] == 255).all()
    assert not drawn[30, :50].any()
    length = 0.8 + 0.6
    assert drawn.sum() / 255 / SIDE**2 == pytest.approx(2 * 0.05 * length + np.pi * 0.05**2, rel=0.02)


def test_a_path_may_come_back_to_a_point() -> None:
    there, back = (0.2, 0.5), (0.8, 0.5)
    path = Stroke(False, 0.03, (there, back, there, (0.2, 0.9)))
    assert mask(path)[round(0.7 * SIDE), round(0.2 * SIDE)] == 255
    assert not mask(path)[round(0.7 * SIDE), round(0.5 * SIDE)]


def test_later_strokes_lie_over_earlier_ones() -> None:
    centre = (SIDE // 2, SIDE // 2)
    assert mask(DOT, ERASER)[centre] == 0
    assert mask(ERASER, DOT)[centre] == 255
    assert mask(DOT, ERASER, DOT).tolist() == mask(DOT).tolist()


def test_an_eraser_begins_with_the_whole_picture() -> None:
    assert mask(ERASER)[0, 0] == 255 and mask(ERASER)[SIDE // 2, SIDE // 2] == 0


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (1024, 1024), (2048, 1024)])
def test_the_radius_counts_in_widths(size: tuple[int, int]) -> None:
    area = mask(DOT, size=size).sum() / 255
    assert area == pytest.approx(np.pi * (0.1 * size[1]) ** 2, rel=0.03)


def test_strokes_may_leave_the_frame() -> None:
    assert mask(Stroke(False, 1.0, ((-10.0, 0.5), (10.0, 0.5)))).min() == 255
    assert not mask(Stroke(False, 0.01, ((5.0, 5.0),))).any()
    assert not mask(Stroke(False, 0.01, ())).any()


def test_points_may_lie_at_one_place() -> None:
    near = Stroke(False, 0.1, ((0.5, 0.5), (0.5, 0.5), (0.5, 0.5 + 1e-16), (0.5, 0.5 + 2e-16)))
    assert mask(near).tolist() == mask(DOT).tolist()
    assert mask(Stroke(False, 0.0, ((1e-300, 1e-300), (2e-300, 1e-300)))).max() < 8


def test_no_strokes_are_no_region() -> None:
    assert region_of((), (SIDE, SIDE)) is None


def test_strokes_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing may change"):
        region_of((DOT, Stroke(True, 0.5, ((0.5, 0.5),))), (SIDE, SIDE))


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (300, 300)])
def test_the_mask_as_a_file_is_the_same_region(size: tuple[int, int]) -> None:
    drawn = region_of((LINE, DOT, ERASER), size)
    assert drawn is not None
    with Image.open(io.BytesIO(png_bytes(mask_picture((LINE, DOT, ERASER), size)))) as picture:
        loaded = Region.load(picture, size)
    assert torch.equal(drawn.weights, loaded.weights)
    assert 0 < drawn.weights.mean() < 0.5
