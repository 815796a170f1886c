"""SeFa's directions: equal to the published code but for their order, and to axes planted in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.directions.principal_axes import principal_axes, with_fixed_signs
from styleclip.directions.sefa import factorize_weight, sefa
from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.models import Models
from styleclip.networks.generator import Generator
from tests.helpers.tiny import tiny_generator, tiny_models

ROWS = ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1", "b16.torgb")  # the layer of each row of W+


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models()


@pytest.mark.parametrize("layers", [range(6), (0,), (0, 1), (2, 5), range(2, 6)])
def test_the_published_directions_in_order(tiny: Models, layers: Sequence[int]) -> None:
    values, vectors = published_factors(tiny.generator, layers)
    axes = factorize_weight(tiny.generator, layers)
    order = np.argsort(-values)[: len(axes.values)]
    np.testing.assert_allclose(axes.values, values[order], atol=1e-6)
    np.testing.assert_allclose(axes.vectors, same_signs(vectors[order], axes.vectors), atol=1e-6)


def test_the_published_order_is_that_of_lapack(tiny: Models) -> None:
    """numpy.linalg.eig does not sort, which is why the test above has to."""
    values, _ = published_factors(tiny.generator, range(6))
    assert (np.diff(values) > 0).any()


def test_planted_axes() -> None:
    """Channels along axis k are as many as its eigenvalue, however long their weights are."""
    axes = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))[0]
    counts = [9, 7, 5, 4, 3, 2]
    rows = torch.cat([axes[k].expand(count, -1) for k, count in enumerate(counts)])
    models = with_affine_rows(rows * torch.linspace(0.1, 5, 30)[torch.randperm(30)][:, None])
    directions = sefa(models)
    torch.testing.assert_close(
        torch.tensor([each.origin["eigenvalue"] for each in directions]), torch.tensor(counts).float()
    )
    for direction, axis in zip(directions, with_fixed_signs(axes[:6]), strict=True):
        torch.testing.assert_close(direction.data[0], axis, atol=1e-6, rtol=0)


def test_channels_of_no_weight_count_nothing() -> None:
    models = with_affine_rows(torch.cat([torch.eye(8)[:3], torch.zeros(27, 8)]))
    assert [each.origin["eigenvalue"] for each in sefa(models)] == pytest.approx([1, 1, 1])


def test_all_layers_give_directions_in_w(tiny: Models) -> None:
    directions = sefa(tiny, count=3)
    assert [each.name for each in directions] == ["0", "1", "2"]
    assert {each.space for each in directions} == {Space.W}
    assert all(each.data.shape == (1, 8) and each.data.norm() == pytest.approx(1) for each in directions)
    assert {each.origin["source"] for each in directions} == {"SeFa"}


def test_chosen_layers_move_only_their_rows(tiny: Models) -> None:
    [direction] = sefa(tiny, [3, 2, 3], 1)
    assert direction.space is Space.W_PLUS
    assert direction.data.abs().sum(dim=2).bool().tolist() == [[False, False, True, True, False, False]]
    torch.testing.assert_close(direction.data[0, 2].double(), factorize_weight(tiny.generator, (2, 3)).vectors[0])
    assert direction.layers == "2-3"


def test_the_inner_torgb_layers_do_not_count(tiny: Models) -> None:
    generator = tiny_generator()
    generator.synthesis.get_submodule("b8.torgb").affine.weight.mul_(-3).add_(1)
    assert torch.equal(
        factorize_weight(generator, range(6)).vectors, factorize_weight(tiny.generator, range(6)).vectors
    )


def test_the_same_bits_again(tiny: Models) -> None:
    for one, other in zip(sefa(tiny), sefa(tiny), strict=True):
        assert torch.equal(one.data, other.data)


def test_signs_survive_another_order_of_the_channels(tiny: Models) -> None:
    """Sums in another order round differently, which must not turn a direction around."""
    rows = torch.randn(40, 8, generator=torch.Generator().manual_seed(3)).double()
    one, other = (principal_axes(each.T @ each).vectors for each in (rows, rows.flip(0)[torch.randperm(40)]))
    torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_signs_survive_rounding_where_components_are_equally_large() -> None:
    vector = torch.tensor([[-0.5, 0.5, -0.5, 0.5]], dtype=torch.float64)
    for noise in torch.randn(20, 1, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e-9:
        torch.testing.assert_close(with_fixed_signs(vector + noise), -vector, atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": [6]}, "layer 6 does not exist; the layers of this generator are 0 to 5"),
        ({"layers": [-1]}, "layer -1 does not exist; the layers of this generator are 0 to 5"),
        ({"layers": []}, "no layer is chosen; the layers of this generator are 0 to 5"),
        ({"layers": [5], "count": 5}, "there are 1 to 4 directions here, not 5; pass another count"),
        ({"count": 0}, "there are 1 to 8 directions here, not 0; pass another count"),
    ],
)
def test_what_cannot_be(tiny: Models, options: dict[str, list[int]], words: str) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        sefa(tiny, **options)


def published_factors(generator: Generator, layers: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors (rows) by the steps of SeFa's `factorize_weight`, in float64."""
    weights = [generator.synthesis.get_submodule(ROWS[layer]).affine.weight.numpy().T for layer in layers]
    weight = np.concatenate(weights, axis=1).astype(np.float64)
    weight = weight / np.linalg.norm(weight, axis=0, keepdims=True)
    values, vectors = np.linalg.eig(weight.dot(weight.T))
    return values, vectors.T


def same_signs(vectors: np.ndarray, like: Tensor) -> np.ndarray:
    """Rows times 1 or -1, so that they point the same way as those of `like`."""
    return vectors * np.sign((vectors * like.numpy()).sum(axis=1, keepdims=True))


def with_affine_rows(rows: Tensor) -> Models:
    """Tiny models whose affine weights of the layers in ROWS are these rows [30, 8]."""
    generator, start = tiny_generator(), 0
    for name in ROWS:
        weight = generator.synthesis.get_submodule(name).affine.weight
        weight.copy_(rows[start : start + len(weight)])
        start += len(weight)
    assert start == len(rows)
    return replace(tiny_models(), generator=generator)
