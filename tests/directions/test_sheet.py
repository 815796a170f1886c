"""The sheet of several directions: which alphas it draws, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import ImageChops

from styleclip.directions.ganspace import ganspace
from styleclip.directions.sefa import sefa
from styleclip.directions.sheet import STRENGTHS, directions_sheet, sheet_scales, std_of_alpha
from styleclip.images import fit_to
from styleclip.latents import Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.sheets import GAP, LABEL_HEIGHT, LABEL_WIDTH, SMALL_CELL, thumbnails
from tests.helpers.tiny import random_w_plus, tiny_models

LEFT, TOP, STRIDE = LABEL_WIDTH + 2 * GAP, LABEL_HEIGHT + GAP, SMALL_CELL + GAP


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models()


@pytest.fixture(scope="module")
def directions(tiny: Models) -> list[LatentDirection]:
    return [replace(each, unit=0.5 + i) for i, each in enumerate(sefa(tiny, count=3))]


def test_every_picture_is_in_its_place(tiny: Models, directions: list[LatentDirection]) -> None:
    faces = random_w_plus(2)
    seen: list[int] = []
    sheet = directions_sheet(tiny, directions, faces, ["a", "b"], lambda step: seen.append(step.index))
    assert seen == [1, 2, 3]
    width = 5 * STRIDE + GAP
    assert sheet.size == (LEFT + 5 * STRIDE + width, TOP + 3 * STRIDE)
    strengths = [*STRENGTHS[:2], 0, *STRENGTHS[2:]]
    for row, direction in enumerate(directions):
        for column, strength in enumerate(strengths):
            for face, left in enumerate((LEFT, LEFT + 5 * STRIDE + GAP)):
                x, y = left + column * STRIDE, TOP + row * STRIDE
                found = sheet.crop((x, y, x + SMALL_CELL, y + SMALL_CELL))
                edited = faces[face] + strength * (0.5 + row) * direction
                [expected] = thumbnails(tiny.render(edited))
                difference = ImageChops.difference(found, fit_to(expected, SMALL_CELL))
                assert max(high for _, high in difference.getextrema()) <= 1  # pictures of a batch round differently


def test_without_units_the_samples_give_the_scale(tiny: Models, directions: list[LatentDirection]) -> None:
    scales = sheet_scales(tiny, [directions[0], *sefa(tiny, [1, 2], count=1)])
    assert {scale.noun for scale in scales} == {"std"}
    assert {scale.strengths for scale in scales} == {(-3, -1.5, 1.5, 3)}


def test_the_deviation_of_a_component_is_one_alpha(tiny: Models) -> None:
    for layers in (None, [0, 4]):
        for scale in sheet_scales(tiny, ganspace(tiny, layers, samples=10_000)):
            assert scale.factor == pytest.approx(1, abs=1e-4)


def test_the_deviation_counts_alphas() -> None:
    w = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 4.0, 1.0])
    direction = LatentDirection(Space.W, torch.tensor([[0.0, 0.5, 0.0]]))
    assert std_of_alpha(w, direction) == pytest.approx(8, rel=0.1)
    assert std_of_alpha(w, direction.with_layers([2, 3], 6)) == pytest.approx(std_of_alpha(w, direction))


def test_a_latent_stays_what_it_was(tiny: Models, directions: list[LatentDirection]) -> None:
    faces = random_w_plus(1)
    before = Latent(faces.space, faces.data.clone())
    directions_sheet(tiny, directions[:1], faces, ["a"])
    assert torch.equal(faces.data, before.data)
