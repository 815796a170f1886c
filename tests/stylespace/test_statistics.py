"""Samples in style space and how far they spread, against numpy on all samples at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.networks.generator import Generator
from styleclip.stylespace.statistics import mean_and_std, sample_styles, sample_z, style_statistics, whitening_basis
from tests.helpers.tiny import TINY, tiny_generator

ROUNDING = 1e-6  # float32 matrix products of a dozen terms of order 1


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator()


def styles_by_hand(generator: Generator, ws: list[Tensor]) -> np.ndarray:
    """S [N, C] from the w [N, w_dim] of each layer of W+: `w @ A^T / sqrt(w_dim) + b`, in float64."""
    parts = []
    for entry in generator.layout.entries:
        affine = generator.synthesis.get_submodule(f"{entry.name}.affine")
        weight, bias, w = (x.double().numpy() for x in (affine.weight, affine.bias, ws[entry.ws_index]))
        parts.append(w @ weight.T / np.sqrt(w.shape[1]) + bias)
    return np.concatenate(parts, axis=1)


def test_the_samples_are_those_of_styleclip(generator: Generator) -> None:
    z = sample_z(generator, 9)
    assert z.dtype == torch.float32
    assert np.array_equal(z.numpy(), np.random.RandomState(5).randn(9, TINY.z_dim).astype(np.float32))
    assert z[0, :3].tolist() == pytest.approx([0.44122749, -0.33087015, 2.43077119])
    assert torch.equal(sample_z(generator, 4), z[:4])
    assert not torch.equal(sample_z(generator, 4, seed=6), z[:4])


@pytest.mark.parametrize("cutoff", [None, 2])
def test_truncation_of_all_layers_or_the_first(generator: Generator, cutoff: int | None) -> None:
    w = generator.map(sample_z(generator, 7))
    pulled = generator.w_avg + 0.7 * (w - generator.w_avg)
    ws = [pulled if cutoff is None or i < cutoff else w for i in range(generator.num_ws)]
    found = sample_styles(generator, 7, cutoff=cutoff)
    assert np.abs(found.numpy() - styles_by_hand(generator, ws)).max() <= ROUNDING


def test_samples_do_not_depend_on_the_batch(generator: Generator) -> None:
    styles = sample_styles(generator, 23)
    assert styles.shape == (23, generator.layout.size)
    assert (sample_styles(generator, 23, batch=4) - styles).abs().max() <= ROUNDING
    assert (sample_styles(generator, 5) - styles[:5]).abs().max() <= ROUNDING


@pytest.mark.parametrize(("batch", "cutoff"), [(1, None), (7, None), (7, 2), (1000, None)])
def test_statistics_of_all_samples_at_once(generator: Generator, batch: int, cutoff: int | None) -> None:
    styles = sample_styles(generator, 300, cutoff=cutoff).double().numpy()
    found = style_statistics(generator, 300, cutoff=cutoff, batch=batch)
    assert np.abs(found.mean.numpy() - styles.mean(axis=0)).max() <= ROUNDING
    assert np.abs(found.std.numpy() - styles.std(axis=0)).max() <= ROUNDING
    assert found.mean.dtype == found.std.dtype == torch.float32


def test_a_wider_psi_spreads_further(generator: Generator) -> None:
    narrow, wide = (style_statistics(generator, 50, psi=psi).std for psi in (0.5, 1.0))
    assert (wide / narrow - 2).abs().max() <= 1e-4


def test_progress_counts_samples(generator: Generator) -> None:
    seen: list[tuple[int, int]] = []
    style_statistics(generator, 25, batch=10, on_step=lambda step: seen.append((step.index, step.total)))
    assert seen == [(10, 25), (20, 25), (25, 25)]


def test_only_a_batch_of_samples_is_in_memory(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    walk = Generator.to_space
    monkeypatch.setattr(Generator, "to_space", lambda g, x, space: lengths.append(len(x)) or walk(g, x, space))
    style_statistics(generator, 35, batch=10)
    assert max(lengths) == 10


def test_spread_keeps_small_deviations_of_large_means() -> None:
    batches = [1e8 + torch.randn(n, 3, generator=torch.Generator().manual_seed(n)).double() for n in (1, 40, 7)]
    everything = torch.cat(batches).numpy()
    found = mean_and_std(batches)
    assert np.abs(found.std.numpy() - everything.std(axis=0)).max() <= ROUNDING
    assert mean_and_std(batches[:1]).std.tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_precision_of_the_generator(generator: Generator, dtype: torch.dtype) -> None:
    rounded = tiny_generator().to(dtype)
    found, plain = (style_statistics(each, 200) for each in (rounded, generator))
    tolerance = 0.05 if dtype is torch.bfloat16 else ROUNDING  # bfloat16 has three digits, styles are of order 1
    assert sample_styles(rounded, 2).dtype == dtype
    assert found.std.dtype == torch.float32
    assert (found.mean - plain.mean).abs().max() <= tolerance
    assert (found.std - plain.std).abs().max() <= tolerance


@pytest.mark.parametrize(("count", "batch"), [(0, 10), (5, 0)])
def test_nothing_to_draw(generator: Generator, count: int, batch: int) -> None:
    with pytest.raises(UsageError, match=f"cannot draw {count} samples, {batch} at a time; both must be at least 1"):
        sample_styles(generator, count, batch=batch)


def test_whitened_styles_are_deviations_of_samples_drawn_by_torch(generator: Generator) -> None:
    z = torch.randn(3000, TINY.z_dim, generator=torch.Generator().manual_seed(5))
    styles = styles_by_hand(generator, [generator.map(z)] * generator.num_ws)
    basis = whitening_basis(generator, Space.S, samples=3000).basis
    assert np.abs(basis.numpy() - styles.std(axis=0)).max() <= ROUNDING


def test_z_needs_no_whitening(generator: Generator) -> None:
    with pytest.raises(SpaceError, match="whiten w, w[+] or s"):
        whitening_basis(generator, Space.Z)


def test_samples_of_a_single_layer_generator() -> None:
    smallest = tiny_generator(replace(TINY, channels={4: 6}))
    styles = sample_styles(smallest, 3)
    assert styles.shape == (3, 12) and smallest(Latent(Space.S, styles)).shape == (3, 3, 4, 4)
