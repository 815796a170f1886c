"""Sheets and sweeps of global-dir: every picture in its place, and in steps from one end to the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from styleclip.images import fit_to, to_uint8
from styleclip.latents import Latent, Space
from styleclip.sheets import (
    FACES_PER_ROW,
    GAP,
    LABEL_HEIGHT,
    LABEL_WIDTH,
    LARGE_CELL,
    SMALL_CELL,
    View,
    faces_sheet,
    labelled_sheet,
    thumbnails,
)
from styleclip.sweep_sheets import FRAMES, sweep_frames


def solid(grey: int, side: int = 16) -> Image.Image:
    return Image.new("RGB", (side, side), (grey, grey, grey))


def row(*greys: int) -> list[Image.Image]:
    return [solid(grey) for grey in greys]


def greys(drawn: Image.Image, rows: int, columns: int, cell: int, top: int = 0) -> list[list[int]]:
    """The middle of every cell of a table with labels on both sides that begins at `top`."""
    left, first = 2 * GAP + LABEL_WIDTH, top + GAP + LABEL_HEIGHT
    pixels = np.asarray(drawn)[:, :, 0]
    middle = [(first + r * (cell + GAP) + cell // 2, left + cell // 2) for r in range(rows)]
    return [[int(pixels[y, x + c * (cell + GAP)]) for c in range(columns)] for y, x in middle]


def test_one_face_has_strengths_across_and_betas_down() -> None:
    views = [View(f"alpha {a}", f"beta {b}", row(10 * a + b)) for b in (1, 2) for a in (3, 4, 5, 6)]
    drawn = faces_sheet(row(7), views, ["seed 3"])
    assert greys(drawn, 2, 5, SMALL_CELL) == [[7, 31, 41, 51, 61], [7, 32, 42, 52, 62]]
    assert drawn.size == (2 * GAP + LABEL_WIDTH + 5 * (SMALL_CELL + GAP), GAP + LABEL_HEIGHT + 2 * (SMALL_CELL + GAP))


def test_a_few_columns_are_large_and_nothing_to_say_takes_no_room() -> None:
    drawn = faces_sheet(row(7), [View("alpha 4", "", row(9))], ["seed 3"])
    assert drawn.size == (GAP + 2 * (LARGE_CELL + GAP), GAP + LABEL_HEIGHT + LARGE_CELL + GAP)


def test_faces_stand_side_by_side_and_views_below_one_another() -> None:
    views = [View("alpha 2", "beta 1", row(1, 2, 3)), View("alpha 4", "beta 1", row(4, 5, 6))]
    drawn = faces_sheet(row(7, 8, 9), views, ["a", "b", "c"])
    assert greys(drawn, 3, 3, LARGE_CELL) == [[7, 8, 9], [1, 2, 3], [4, 5, 6]]


def test_many_faces_go_on_in_blocks() -> None:
    count = FACES_PER_ROW + 3
    drawn = faces_sheet(row(*range(count)), [View("alpha 2", "", row(*range(100, 100 + count)))], ["face"] * count)
    assert greys(drawn, 2, FACES_PER_ROW, SMALL_CELL) == [[*range(FACES_PER_ROW)], [*range(100, 100 + FACES_PER_ROW)]]
    below = GAP + LABEL_HEIGHT + 2 * (SMALL_CELL + GAP)
    assert greys(drawn, 2, 3, LARGE_CELL, below) == [[8, 9, 10], [108, 109, 110]]


@pytest.mark.parametrize(("side", "expected"), [(16, 128), (100, 200), (128, 128), (256, 128), (1024, 128)])
def test_fitted_enlarges_by_whole_numbers_and_shrinks(side: int, expected: int) -> None:
    assert fit_to(solid(9, side), 128).size == (expected, expected)


def test_a_label_may_have_lines() -> None:
    """Two short lines are as high as two words that do not fit into one, and higher than one."""
    heights = [ink(labelled_sheet([row(255)], row_labels=[text])) for text in ("a", "a\nb", "a b")]
    assert heights[1] > 1.5 * heights[0] and heights[2] < 1.5 * heights[0]


def ink(drawn: Image.Image) -> int:
    """The height of what is written left of the rows."""
    lines = (np.asarray(drawn)[:, : GAP + LABEL_WIDTH, 0] < 200).any(axis=1).nonzero()[0]
    return int(lines.max() - lines.min() + 1)


def test_thumbnails_keep_small_pictures_and_shrink_large_ones() -> None:
    images = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
    assert np.array_equal(np.asarray(thumbnails(images)[0]), to_uint8(images)[0].numpy())
    assert thumbnails(torch.zeros(2, 3, 512, 512))[1].size == (LARGE_CELL, LARGE_CELL)


class Painter:
    """An editor whose pictures are as grey as the first number of the latent."""

    def render(self, latent: Latent) -> Tensor:
        return (latent.data[:, 0] / 127.5 - 1)[:, None, None, None].expand(-1, 3, 8, 8)


def styles(*values: float) -> Latent:
    return Latent(Space.S, torch.tensor(values)[:, None])


def test_a_sweep_goes_from_one_end_to_the_other() -> None:
    frames = list(sweep_frames(Painter(), {"": (styles(0, 30), styles(60, 90))}))  # type: ignore[arg-type]
    assert len(frames) == FRAMES and frames[0].size == (GAP + 2 * (LARGE_CELL + GAP), GAP + LARGE_CELL + GAP)
    seen = [[int(np.asarray(f)[GAP + 99, GAP + 99 + c * (LARGE_CELL + GAP), 0]) for c in (0, 1)] for f in frames]
    expected = [[60 * t / 30, 30 + 60 * t / 30] for t in range(31)]
    assert np.abs(np.array(seen) - np.array(expected)).max() <= 1


def test_a_sweep_of_several_betas_has_a_row_of_each() -> None:
    frames = list(sweep_frames(Painter(), {"one": (styles(0), styles(60)), "two": (styles(100), styles(40))}))  # type: ignore[arg-type]
    left = 2 * GAP + LABEL_WIDTH + 99
    assert [int(np.asarray(frames[-1])[GAP + 99 + r * (LARGE_CELL + GAP), left, 0]) for r in (0, 1)] == [60, 40]
