"""Relevance by gradient, against differences of pictures that hardly differ."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.relevance_table import StyleStatistics
from styleclip.stylespace.channel_effects import Effects, measure
from styleclip.stylespace.gradient_relevance import gradient_effects, gradient_relevance
from styleclip.stylespace.statistics import sample_styles, style_statistics
from tests.helpers.tiny import tiny_clip, tiny_generator, tiny_models

IMAGES = 3
ROUNDING = 1e-5  # of float32 gradients relative to the largest
MODELS = tiny_models(generator=tiny_generator().double(), clip=tiny_clip().double())
SIZE = MODELS.generator.layout.size
STATISTICS = style_statistics(MODELS.generator, 500)
STYLES = sample_styles(MODELS.generator, IMAGES).float()
DELTA_T = F.normalize(torch.randn(10, generator=torch.Generator().manual_seed(2)), dim=0)


def table(models: Models = MODELS, statistics: StyleStatistics = STATISTICS, batch_size: int = 16) -> Effects:
    (effects,) = gradient_effects(models, statistics, STYLES, batch_size)
    return effects


def features(styles: Tensor) -> Tensor:
    """E(G(s)) [N, D] in float64, which `encode_image` rounds to float32."""
    pixels = MODELS.clip.preprocess_image(MODELS.generator(Latent(Space.S, styles.double())))
    return F.normalize(MODELS.clip.model.encode_image(pixels), dim=1)  # type: ignore[operator]


def differences(step: float = 1e-5) -> Tensor:
    """`std_c * dE/ds_c` [N, C, D] of every image, by central differences."""
    columns = []
    for c in range(SIZE):
        moved = step * F.one_hot(torch.tensor(c), SIZE).double()
        columns.append((features(STYLES + moved) - features(STYLES - moved)) / (2 * step) * STATISTICS.std[c])
    return torch.stack(columns, dim=1)


def largest_difference(found: Tensor, expected: Tensor) -> float:
    """Relative to the largest value."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_relevance_is_the_slope_along_the_text(batch_size: int) -> None:
    found, _ = gradient_relevance(MODELS, DELTA_T, STATISTICS, STYLES, batch_size)
    assert found.dtype == torch.float32 and found.shape == (SIZE,)
    assert largest_difference(found, (differences() @ DELTA_T.double()).mean(dim=0)) <= ROUNDING


@pytest.mark.parametrize("batch_size", [1, 16])
def test_its_size_is_that_of_the_movement_of_clip(batch_size: int) -> None:
    """Along the random numbers it was estimated with, and, with many of them, as it is."""
    d = differences()
    _, found = gradient_relevance(MODELS, DELTA_T, STATISTICS, STYLES, batch_size, seed=3)
    probes = torch.randn(IMAGES, 10, generator=torch.Generator().manual_seed(3)).double()
    expected = torch.einsum("ncd,nd->nc", d, probes).square().mean(dim=0).sqrt()
    assert largest_difference(found, expected) <= ROUNDING
    squares = [gradient_relevance(MODELS, DELTA_T, STATISTICS, STYLES, seed=k)[1].square() for k in range(100)]
    true = d.square().sum(dim=2).mean(dim=0)
    assert largest_difference(torch.stack(squares).mean(dim=0), true) < 0.3


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_the_table_holds_all_slopes(batch_size: int) -> None:
    d, found = differences(), table(batch_size=batch_size)
    unit = d / d.norm(dim=2, keepdim=True)
    mean = unit.mean(dim=0)
    assert torch.equal(found.channels, torch.arange(SIZE))
    assert largest_difference(found.delta_i, mean / mean.norm(dim=1, keepdim=True)) <= ROUNDING
    assert largest_difference(found.effect, d.mean(dim=0).norm(dim=1)) <= ROUNDING
    error = (unit.var(dim=0).sum(dim=1) / IMAGES).sqrt() / mean.norm(dim=1)
    assert largest_difference(found.error, error) <= 10 * ROUNDING  # a small spread is a difference of large numbers


def test_a_small_step_measured_by_rendering_is_the_gradient() -> None:
    """Around the style of the only image, rendering is a finite difference too."""
    style = STYLES[:1]
    around = StyleStatistics(style[0], STATISTICS.std)
    (slopes,) = gradient_effects(MODELS, around, style)
    groups = list(measure(MODELS, around, style.double(), torch.arange(SIZE), sigmas=0.02))
    rendered = torch.cat([group.delta_i for group in groups])
    strong = slopes.effect > 0.1 * slopes.effect.max()
    assert (rendered * slopes.delta_i).sum(dim=1)[strong].min() > 0.999
    effect = torch.cat([group.effect for group in groups])
    assert largest_difference(effect, slopes.effect) < 0.01


def test_a_channel_that_does_not_vary_has_a_zero_row() -> None:
    std = STATISTICS.std.clone()
    std[[0, 17]] = 0
    still = StyleStatistics(STATISTICS.mean, std)
    found = table(statistics=still)
    for values in (found.delta_i, found.effect, found.error, *gradient_relevance(MODELS, DELTA_T, still, STYLES)):
        assert values.isfinite().all() and not values[[0, 17]].any() and values[1:17].abs().amin() > 0


def test_one_image() -> None:
    (found,) = gradient_effects(MODELS, STATISTICS, STYLES[:1])
    assert found.error.tolist() == [1.0] * SIZE
    expected, _ = gradient_relevance(MODELS, DELTA_T, STATISTICS, STYLES[:1])
    assert largest_difference((found.delta_i @ DELTA_T) * found.effect, expected) <= ROUNDING


def test_only_the_style_gets_a_gradient() -> None:
    styles = STYLES.clone().requires_grad_()
    with torch.no_grad():
        found, _ = gradient_relevance(MODELS, DELTA_T, STATISTICS, styles)
        (rows,) = gradient_effects(MODELS, STATISTICS, styles)
        assert not torch.is_grad_enabled()
    assert not found.requires_grad and not rows.delta_i.requires_grad
    networks = (MODELS.generator, MODELS.clip)
    assert styles.grad is None and all(p.grad is None for network in networks for p in network.parameters())


def test_half_precision_gives_float32() -> None:
    rounded = tiny_models(generator=tiny_generator().bfloat16(), clip=tiny_clip().bfloat16())
    found, expected = (gradient_relevance(models, DELTA_T, STATISTICS, STYLES)[0] for models in (rounded, MODELS))
    assert found.dtype == table(rounded).delta_i.dtype == torch.float32
    assert F.cosine_similarity(found, expected, dim=0) > 0.95
