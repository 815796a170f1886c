"""GANSpace's directions: the principal components of W as numpy computes them, and planted ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from styleclip.directions.ganspace import covariance_of, ganspace, principal_components
from styleclip.directions.principal_axes import with_fixed_signs
from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.models import Models
from styleclip.stylespace.statistics import sample_z
from tests.helpers.tiny import tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models()


def test_the_components_of_numpy(tiny: Models) -> None:
    """PCA by the singular values of centered samples, as scikit-learn's."""
    w = tiny.generator.map(sample_z(tiny.generator, 2500, seed=3)).double().numpy()
    _, singular, vectors = np.linalg.svd(w - w.mean(axis=0), full_matrices=False)
    directions = ganspace(tiny, samples=2500, seed=3)
    std = singular / np.sqrt(len(w) - 1)
    assert len(directions) == 8
    for i, direction in enumerate(directions):
        sign = np.sign(vectors[i] @ direction.data[0].numpy())
        np.testing.assert_allclose(direction.data[0], sign * std[i] * vectors[i], atol=1e-6)
        assert direction.origin["std"] == pytest.approx(std[i], abs=1e-6)
        assert direction.origin["explained_variance"] == pytest.approx(singular[i] ** 2 / (singular**2).sum(), abs=1e-6)


def test_planted_axes() -> None:
    random = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(6, 6, generator=random).double())[0]
    scales = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5, 0.1]).double()
    samples = torch.randn(20_000, 6, generator=random).double() * scales @ axes + 100
    found = principal_components(samples.split(3000))
    torch.testing.assert_close(found.std, scales, rtol=0.03, atol=0)
    torch.testing.assert_close(found.vectors, with_fixed_signs(axes), atol=0.05, rtol=0)
    torch.testing.assert_close(found.explained_variance.sum(), torch.tensor(1.0).double())


def test_batches_do_not_matter() -> None:
    """Also where the mean is large beside the deviations, and the last batch is a single sample."""
    samples = torch.randn(1001, 5, generator=torch.Generator().manual_seed(0)).double() + 1e4
    expected = torch.from_numpy(np.cov(samples.numpy().T))
    for size in (1, 40, 1000, 1001):
        torch.testing.assert_close(covariance_of(samples.split(size)), expected, rtol=0, atol=1e-9)


def test_a_batch_on_the_way_changes_no_component(tiny: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ganspace(tiny, samples=500)
    monkeypatch.setattr("styleclip.directions.ganspace.BATCH", 130)
    for one, other in zip(whole, ganspace(tiny, samples=500), strict=True):
        torch.testing.assert_close(one.data, other.data, atol=1e-6, rtol=0)


def test_the_seed_decides(tiny: Models) -> None:
    one, same, other = (ganspace(tiny, samples=300, seed=seed, count=1)[0].data for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_layers_move_only_their_rows(tiny: Models) -> None:
    [in_w], [in_layers] = (ganspace(tiny, layers, 1, samples=300) for layers in (None, [0, 1, 4]))
    assert in_w.space is Space.W
    assert in_layers.space is Space.W_PLUS
    assert in_layers.data.abs().sum(dim=2).bool().tolist() == [[True, True, False, False, True, False]]
    assert torch.equal(in_layers.data[0, 4], in_w.data[0])


def test_the_steps_count_samples(tiny: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("styleclip.directions.ganspace.BATCH", 40)
    steps: list[tuple[int, int]] = []
    ganspace(tiny, samples=100, on_step=lambda step: steps.append((step.index, step.total)))
    assert steps == [(40, 100), (80, 100), (100, 100)]


def test_fewer_samples_than_axes_have_fewer_directions(tiny: Models) -> None:
    assert len(ganspace(tiny, samples=4)) == 3


def test_one_sample_has_no_deviation(tiny: Models) -> None:
    with pytest.raises(UsageError, match="^samples is 1; a deviation needs at least 2$"):
        ganspace(tiny, samples=1)
