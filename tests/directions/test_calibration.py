"""The unit of a direction: the alpha at which 64 fixed faces change by 0.1."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from styleclip.directions.calibration import Calibration, calibrate, calibrated, find_alpha
from styleclip.directions.drift import fixed_faces, see_pictures
from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.progress import Step
from tests.helpers.mappers import random_trained_mapper
from tests.helpers.tiny import tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models()


def random_step(models: Models, scale: float = 1.0) -> StyleStep:
    numbers = torch.randn(1, models.generator.layout.size, generator=torch.Generator().manual_seed(2))
    return StyleStep(scale * numbers)


def mean_change(models: Models, step: StyleStep, alpha: float) -> float:
    """The mean identity distance, from pictures that `Models.render` draws at full resolution."""
    assert models.identity is not None
    source = fixed_faces(models, 64).in_s(models)
    before, after = (
        models.identity.embed(models.render(each))
        for each in (source, Latent(Space.S, source.data + alpha * step.data))
    )
    return (1 - (before * after).sum(dim=1)).mean().item()


def test_the_unit_changes_faces_by_a_tenth(tiny: Models) -> None:
    step = random_step(tiny)
    found = calibrate(tiny, step)
    assert found.unit_of == "identity"
    assert mean_change(tiny, step, found.unit) == pytest.approx(0.1, rel=0.011)
    assert calibrate(tiny, step) == found


def test_a_direction_keeps_the_unit_it_has(tiny: Models) -> None:
    direction = LatentDirection(Space.S, random_step(tiny).data)
    found = calibrated(direction, tiny)
    assert (found.unit, found.unit_of) == (calibrate(tiny, random_step(tiny)).unit, "identity")
    assert calibrated(found, tiny) is found
    w = LatentDirection(Space.W, torch.ones(1, 8), center=torch.ones(8))
    assert calibrate(tiny, w, samples=16) == calibrate(tiny, replace(w, center=None), samples=16)


@pytest.mark.parametrize("scale", [1e-3, 3e3])
def test_the_unit_of_a_scaled_direction_scales_back(tiny: Models, scale: float) -> None:
    unit = calibrate(tiny, random_step(tiny), samples=16).unit
    assert calibrate(tiny, random_step(tiny, scale), samples=16).unit * scale == pytest.approx(unit, rel=0.01)


def test_without_a_face_recogniser_clip_is_the_measure(tiny: Models) -> None:
    alone, step = replace(tiny, identity=None), random_step(tiny)
    found = calibrate(alone, step)
    source = fixed_faces(alone, 64).in_s(alone)
    edited = see_pictures(alone, Latent(Space.S, source.data + found.unit * step.data))
    change = (1 - (alone.clip_features(source) * edited.clip).sum(dim=1)).mean().item()
    assert found.unit_of == "clip"
    assert change == pytest.approx(0.1, rel=0.011)


def test_a_mapper_has_a_unit_of_its_strength(tiny: Models) -> None:
    mapper = random_trained_mapper(tiny)
    whole, half = (calibrate(tiny, LatentMapper(mapper, strength=strength), samples=16) for strength in (0.2, 0.1))
    assert half.unit == pytest.approx(2 * whole.unit, rel=0.05)


def test_what_moves_nothing_is_refused(tiny: Models) -> None:
    with pytest.raises(UsageError, match="moves no picture.*; pass another direction"):
        calibrate(tiny, random_step(tiny, 0.0), samples=16)


def test_it_takes_few_alphas_and_tells_of_each(tiny: Models) -> None:
    steps: list[Step] = []
    found = calibrate(tiny, random_step(tiny), steps.append, samples=16)
    assert isinstance(found, Calibration)
    assert [step.index for step in steps] == [*range(1, len(steps) + 1)]
    assert len(steps) < 10
    assert steps[-1].values["distance"] == pytest.approx(0.1, rel=0.01)
    assert {step.stage for step in steps} == {"unit"}


@pytest.mark.parametrize("root", [1e-5, 0.02, 1.0, 7.0, 3e4])
def test_the_search_on_curves_of_known_roots(root: float) -> None:
    """A square that saturates at 1, and one that leaps over the wanted distance."""

    def saturating(alpha: float) -> float:
        return 1 / (1 + 9 * (root / alpha) ** 2)

    def leaping(alpha: float) -> float:
        return 0.01 if alpha < root else 0.9

    assert find_alpha(saturating, 0.1, 1.0, 0.01) == pytest.approx(root, rel=0.01)
    assert find_alpha(leaping, 0.1, 1.0, 0.01) == pytest.approx(root, rel=0.1)


def test_the_search_gives_up() -> None:
    with pytest.raises(UsageError, match="moves no picture"):
        find_alpha(lambda alpha: 0.09, 0.1, 1.0, 0.01)
    with pytest.raises(UsageError, match="smallest alpha.*; check"):
        find_alpha(lambda alpha: 2.0, 0.1, 1.0, 0.01)
