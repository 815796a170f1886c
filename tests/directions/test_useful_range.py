"""The useful range of a direction: where faces stop to be themselves, or leave the samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from styleclip.directions.drift import Features
from styleclip.directions.sample_spread import SampleSpread, sample_spread
from styleclip.directions.useful_range import find_range
from styleclip.errors import UsageError
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.progress import Step
from tests.helpers.tiny import tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models(identity=None)


def random_step(models: Models, scale: float = 1.0) -> StyleStep:
    numbers = torch.randn(1, models.generator.layout.size, generator=torch.Generator().manual_seed(2))
    return StyleStep(scale * numbers)


@pytest.fixture(scope="module")
def known(tiny: Models) -> tuple[float, float]:
    return find_range(tiny, random_step(tiny))


def test_the_range_lies_around_zero(known: tuple[float, float]) -> None:
    low, high = known
    assert low < 0 < high


def test_the_range_of_the_reverse_is_reversed(tiny: Models, known: tuple[float, float]) -> None:
    low, high = find_range(tiny, random_step(tiny, -4.0))
    assert (-4 * high, -4 * low) == pytest.approx(known, rel=0.1)


def test_what_moves_nothing_has_no_range(tiny: Models) -> None:
    with pytest.raises(UsageError, match="moves no picture"):
        find_range(tiny, random_step(tiny, 0.0))


def test_identity_ends_a_range_too(tiny: Models, known: tuple[float, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a face recogniser that knows nobody any more from a third of the range on."""

    def distance(self: Features, other: Features, measure: str) -> torch.Tensor:
        assert measure == "identity"
        third = seen[-1] > known[1] / 3
        return torch.full((len(self.clip),), 0.9 if third else 0.1)

    seen: list[float] = []
    monkeypatch.setattr(Features, "distance", distance)
    with_face = replace(tiny, identity=tiny_models().identity)
    _, high = find_range(with_face, random_step(tiny), lambda step: seen.append(step.values.get("alpha", 0.0)))
    assert high == pytest.approx(known[1] / 3, rel=0.1)


def test_samples_are_drawn_once_and_told(tiny: Models) -> None:
    steps: list[Step] = []
    fresh = replace(tiny, memo={})
    spread = sample_spread(fresh, steps.append)
    assert {step.stage for step in steps} == {"samples"} and steps[-1].index == 500
    assert sample_spread(fresh, steps.append) is spread and steps[-1].index == 500


def test_the_spread_counts_in_the_variance_of_samples() -> None:
    draw = torch.Generator().manual_seed(1)
    features = torch.randn(4000, 6, generator=draw) @ torch.randn(6, 6, generator=draw) + 3
    spread = SampleSpread.of(features)
    lengths = ((features.double() - spread.mean) @ spread.whitening).square().sum(dim=1)
    assert lengths.mean().item() == pytest.approx(1)
    far = spread.mean + 2 * (features - spread.mean)
    assert spread.outward(features, far) == pytest.approx(3 * lengths.quantile(0.75).item())
    same = features[:64] + torch.randn(6, generator=draw)
    assert spread.scatter(features[:64], same) == pytest.approx(0, abs=1e-6)
    assert spread.scatter(features[:64], features[64:128]) == pytest.approx(2, rel=0.3)
