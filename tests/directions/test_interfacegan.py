"""Directions across a boundary: their length, space and record, conditions, and absolute edits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from styleclip.directions.boundary import fit_boundary
from styleclip.directions.interfacegan import RANGE, BoundaryWarning, interfacegan
from styleclip.directions.settings import BoundarySettings
from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Direction, Latent, Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from tests.helpers.tiny import TINY, TINY_NUM_WS, tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models()


@pytest.fixture(scope="module")
def samples(tiny: Models) -> Latent:
    z = torch.randn(120, TINY.z_dim, generator=torch.Generator().manual_seed(0))
    return tiny.generator.to_space(Latent(Space.Z, z), Space.W)


@pytest.fixture(scope="module")
def scores(samples: Latent) -> Tensor:
    """The first number of w, and some of the second."""
    return samples.data[:, 0] + 0.2 * samples.data[:, 1]


def test_alpha_one_leads_from_one_side_to_the_other(tiny: Models, samples: Latent, scores: Tensor) -> None:
    found, boundary = interfacegan(tiny, samples, scores), fit_boundary(samples.data, scores)
    step = (boundary.upper - boundary.lower) * boundary.normal
    assert found.space is Space.W and torch.allclose(found.data[0].double(), step, atol=1e-6) and found.center is None
    assert (found.range, found.generator) == (RANGE, tiny.generator_fingerprint)
    facts = {"source": "InterFaceGAN", "fit": "ridge", "samples": 120, "trained": 120}
    assert found.origin.items() >= facts.items() and found.origin["explained"] > 0.8
    svm = interfacegan(tiny, samples, scores, BoundarySettings("svm", 0.2), origin={"scores": "mine.csv"})
    facts = {"fit": "svm", "ratio": 0.2, "split": 0.7, "c": 1.0, "split_seed": 0, "trained": 32, "scores": "mine.csv"}
    assert svm.origin.items() >= facts.items() and {"validation", "remaining"} <= set(svm.origin)


def test_latents_of_every_space(tiny: Models, samples: Latent, scores: Tensor) -> None:
    expected = interfacegan(tiny, samples, scores).data
    alike = tiny.generator.to_space(samples, Space.W_PLUS)
    assert torch.equal(interfacegan(tiny, alike, scores).data, expected)
    z = torch.randn(120, TINY.z_dim, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(interfacegan(tiny, Latent(Space.Z, z), scores).data, expected, atol=1e-5)
    for each in (_with_own_rows(alike), tiny.generator.to_space(samples, Space.S)):
        found = interfacegan(tiny, each, scores)
        assert found.space is each.space and found.data.shape == each.data[:1].shape
        found.check_fits(tiny)
        alpha = (each.data.flatten(1).double() @ found.data.flatten().double()).numpy()
        assert torch.corrcoef(torch.stack([torch.from_numpy(alpha), scores.double()]))[0, 1] > 0.8


def _with_own_rows(latent: Latent) -> Latent:
    noise = torch.randn(latent.data.shape, generator=torch.Generator().manual_seed(1))
    return Latent(latent.space, latent.data + 0.01 * noise)


def test_absolute_edits_end_on_a_side(tiny: Models, samples: Latent, scores: Tensor) -> None:
    found = interfacegan(tiny, samples, scores, absolute=True)
    boundary = fit_boundary(samples.data, scores)
    source = samples[:5]
    offset = found.offset(tiny, source)
    assert offset is not None and found.center is not None
    unit = found.data[0].double() / found.data[0].double().norm()
    coordinate = (source.data.double() - found.center.double()) @ found.data[0].double() / found.data[0].square().sum()
    for alpha, distance in ((0.0, boundary.lower), (1.0, boundary.upper)):
        moved = source.data.double() + ((alpha - coordinate) * found.data.norm().double())[:, None] * unit
        assert torch.allclose(
            moved @ boundary.normal + boundary.intercept, torch.full((5,), distance, dtype=torch.float64), atol=1e-4
        )
        in_s = tiny.generator.to_space(source, Space.S) + offset + alpha * found.step(tiny)
        assert torch.allclose(
            in_s.data, tiny.generator.to_space(Latent(Space.W, moved.float()), Space.S).data, atol=1e-4
        )
    with pytest.raises(UsageError, match="an absolute direction moves w, and these latents are in s"):
        interfacegan(tiny, tiny.generator.to_space(samples, Space.S), scores, absolute=True)


def test_conditions_of_every_shape(tiny: Models, samples: Latent, scores: Tensor) -> None:
    other = torch.zeros(1, TINY.w_dim)
    other[0, 1] = 3
    in_w = LatentDirection(Space.W, other, name="other")
    found = interfacegan(tiny, samples, scores, conditions=[in_w])
    assert found.data[0, 1].abs() < 1e-6 and found.data.norm() > 0.1
    on_layers = in_w.with_layers([1, 2], TINY_NUM_WS)
    assert torch.equal(interfacegan(tiny, samples, scores, conditions=[on_layers]).data, found.data)
    rows = _with_own_rows(tiny.generator.to_space(samples, Space.W_PLUS))
    in_w_plus = interfacegan(tiny, rows, scores, conditions=[in_w])
    assert in_w_plus.data[0, :, 1].sum().abs() < 1e-5
    in_s = LatentDirection(Space.S, torch.ones(1, tiny.generator.layout.size), name="other")
    with pytest.raises(SpaceError, match="the condition other is in s and the boundary in w; pass a condition in w"):
        interfacegan(tiny, samples, scores, conditions=[in_s])
    with pytest.raises(SpaceError, match="the condition the direction is in w"):
        interfacegan(
            tiny, samples, scores, conditions=[Direction(Space.W_PLUS, torch.randn(1, TINY_NUM_WS, TINY.w_dim))]
        )


def test_scores_of_nothing(tiny: Models, samples: Latent, scores: Tensor) -> None:
    noise = torch.randn(120, generator=torch.Generator().manual_seed(3))
    with pytest.raises(UsageError, match="the latents do not tell the scores; pass more samples"):
        interfacegan(tiny, samples, noise)
    with pytest.warns(
        BoundaryWarning, match="the side of .*% of held-out samples, so its direction may change anything"
    ):
        interfacegan(tiny, samples, noise, BoundarySettings("svm", 0.2))
    with pytest.warns(BoundaryWarning, match="explains [0-9]% of the scores of held-out samples"):
        interfacegan(tiny, samples, scores + 4 * scores.std() * noise)
