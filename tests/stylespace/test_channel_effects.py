"""Relevance by rendering, against the loops of StyleCLIP written down naively: every picture in full, one by one."""

from dataclasses import fields, replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.relevance_table import StyleStatistics
from styleclip.stylespace.channel_effects import EffectAccumulator, Effects, measure
from tests.helpers.channel_effects import (
    CLAMPED,
    CONVOLUTIONS,
    EVERY,
    IMAGES,
    LAYOUT,
    MODELS,
    STATISTICS,
    STYLES,
    float64_models,
    measured_effects,
)
from tests.helpers.tiny import TINY, tiny_clip, tiny_generator, tiny_models

ROUNDING = 1e-5  # features are float32; the movements they are differences of are 0.01 to 1 long


def assert_same(found: Effects, expected: Effects, tolerance: float = ROUNDING) -> None:
    assert torch.equal(found.channels, expected.channels)
    for name in ("delta_i", "effect", "error"):
        difference = (getattr(found, name) - getattr(expected, name)).abs().max().item()
        assert difference <= tolerance, f"{name} differs by {difference}"


def reference_effects(models: Models, method: Literal["exact", "official"], sigmas: float = 5.0) -> Effects:
    """The loops of StyleCLIP's SingleChannel.py; "official" forgets to copy the codes before it sets the mean."""
    codes, table = STYLES.clone(), []
    channels = EVERY if method == "exact" else CONVOLUTIONS
    for c in channels.tolist():
        if method == "exact":
            codes = STYLES.clone()
        codes[:, c] = STATISTICS.mean[c].double()
        features = []
        for sign in (1, -1):
            moved = codes.clone()
            moved[:, c] += sign * sigmas * STATISTICS.std[c].double()
            features.append(models.clip.encode_image(models.generator(Latent(Space.S, moved))).double())
        d = features[0] - features[1]
        unit = d / d.norm(dim=1, keepdim=True)
        mean = unit.mean(dim=0)
        error = (unit.var(dim=0).sum() / IMAGES).sqrt() / mean.norm()
        table.append((mean / mean.norm(), d.mean(dim=0).norm() / (2 * sigmas), error))
    return Effects(channels, *(torch.stack(column).float() for column in zip(*table, strict=True)))


@pytest.mark.parametrize("config", [TINY, CLAMPED], ids=["free", "clamped"])
def test_exact_is_the_formula(config: Any) -> None:
    models = float64_models(config)
    expected = reference_effects(models, "exact")
    assert_same(measured_effects(models), expected)
    if config is CLAMPED:
        assert (expected.delta_i - reference_effects(MODELS, "exact").delta_i).abs().max() > 0.1, (
            "the clamp does not bite"
        )


def test_official_is_the_published_loop() -> None:
    expected = reference_effects(MODELS, "official")
    assert_same(measured_effects(channels=CONVOLUTIONS, method="official"), expected)
    picked = CONVOLUTIONS[[3, 8, 9, 20]]
    found = measured_effects(channels=picked, method="official")
    assert (found.delta_i - expected.delta_i[[3, 8, 9, 20]]).abs().max() <= ROUNDING


def test_official_strays_from_exact_as_it_goes() -> None:
    official, exact = (measured_effects(channels=CONVOLUTIONS, method=m) for m in ("official", "exact"))
    apart = (official.delta_i - exact.delta_i).norm(dim=1)
    assert apart[0] <= ROUNDING and apart[-4:].min() > 0.01


def test_fewer_deviations() -> None:
    assert_same(
        measured_effects(sigmas=0.5), reference_effects(MODELS, "exact", sigmas=0.5), tolerance=1e-4
    )  # a tenth of the movement


@pytest.mark.parametrize("method", ["exact", "official"])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_rows_do_not_depend_on_the_batch(method: Any, batch_size: int) -> None:
    channels = EVERY if method == "exact" else CONVOLUTIONS
    assert_same(
        measured_effects(channels=channels, method=method, batch_size=batch_size),
        measured_effects(channels=channels, method=method),
    )


def test_rows_do_not_depend_on_the_batch_in_float32() -> None:
    models = tiny_models()
    assert_same(
        measured_effects(models, batch_size=5), measured_effects(models), tolerance=2e-5
    )  # unit rows of small differences


def test_rows_do_not_depend_on_order_or_company() -> None:
    whole = measured_effects()
    assert torch.equal(whole.channels, EVERY)
    assert_same(measured_effects(channels=EVERY.flip(0)), whole)
    assert_same(measured_effects(channels=EVERY.repeat(2)), whole)
    few = torch.tensor([40, 3, 11, 7, 12])
    expected = Effects(*(getattr(whole, field.name)[few.sort().values] for field in fields(Effects)))
    assert_same(measured_effects(channels=few), expected)


def test_groups_come_layer_by_layer() -> None:
    names = []
    for group in measure(MODELS, STATISTICS, STYLES, EVERY):
        layers = {entry.name for entry in LAYOUT.entries for c in group.channels if c in range(LAYOUT.size)[entry.span]}
        assert len(layers) == 1
        names += layers
    assert names == [entry.name for entry in LAYOUT.entries]


def test_what_moves_nothing_has_a_zero_row() -> None:
    models = tiny_models()
    std = STATISTICS.std.clone()
    std[4] = 0  # of b4.conv1
    for layer, channel in (("b8.conv1", 2), ("b16.torgb", 1)):
        models.generator.synthesis.get_parameter(f"{layer}.weight")[:, channel] = 0
    starts = {entry.name: entry.start for entry in LAYOUT.entries}
    still = torch.tensor([4, starts["b8.conv1"] + 2, starts["b16.torgb"] + 1])
    for batch_size in (3, 32):
        found = measured_effects(models, statistics=StyleStatistics(STATISTICS.mean, std), batch_size=batch_size)
        for values in (found.delta_i, found.effect, found.error):
            assert values.isfinite().all() and not values[still].any()
        assert (found.delta_i.norm(dim=1) - 1).abs()[~torch.isin(EVERY, still)].max() <= ROUNDING


class Grainy(torch.nn.Module):
    """A CLIP whose features are rounded at random, as some batch sizes and devices do."""

    def __init__(self, grain: float) -> None:
        super().__init__()
        self.clip, self.grain, self.noise = MODELS.clip, grain, torch.Generator().manual_seed(0)

    def encode_image(self, image: Tensor) -> Tensor:
        features = self.clip.encode_image(image)
        return features + self.grain * torch.randn(features.shape, generator=self.noise)


def test_rounding_is_not_taken_for_a_movement() -> None:
    models = float64_models()
    models.generator.synthesis.get_parameter("b4.conv1.weight")[:, 2] = 0
    assert not measured_effects(replace(models, clip=Grainy(1e-7)), EVERY[2:3]).delta_i.any()
    unvarying = StyleStatistics(STATISTICS.mean, torch.zeros_like(STATISTICS.std))
    assert not measured_effects(replace(MODELS, clip=Grainy(1e-3)), statistics=unvarying).delta_i.any()


def test_nan_is_not_taken_for_stillness() -> None:
    models = tiny_models()
    models.generator.synthesis.get_parameter("b16.torgb.bias").fill_(torch.nan)
    assert measured_effects(models, EVERY[:3]).delta_i.isnan().all()


def test_one_image_says_nothing_about_the_next() -> None:
    found = measured_effects(styles=STYLES[:1])
    assert found.error.tolist() == [1.0] * LAYOUT.size
    assert (found.delta_i.norm(dim=1) - 1).abs().max() <= ROUNDING


def test_the_error_is_the_spread_of_repeated_measurements() -> None:
    """Rows of unit length 1 +- noise: over many repetitions they scatter by `error` around the true direction."""
    noise = torch.Generator().manual_seed(0)
    truth = torch.zeros(2000, 8)
    truth[:, 0] = 1
    accumulator = EffectAccumulator()
    for _ in range(20):
        accumulator.add(truth + 0.3 * torch.randn(2000, 8, generator=noise))
    found = accumulator.effects(torch.arange(2000))
    scatter = (found.delta_i - found.delta_i.mean(dim=0)).square().sum(dim=1).mean().sqrt()
    assert found.error.square().mean().sqrt().item() == pytest.approx(scatter.item(), rel=0.05)


def test_half_precision_sees_the_same() -> None:
    rounded = tiny_models(generator=tiny_generator().bfloat16(), clip=tiny_clip().bfloat16())
    found, expected = measured_effects(rounded), measured_effects()
    assert found.delta_i.dtype == found.effect.dtype == torch.float32
    strong = expected.effect > expected.effect.median()
    assert (found.delta_i * expected.delta_i).sum(dim=1)[strong].min() > 0.9
    assert (found.effect / expected.effect - 1)[strong].abs().max() < 0.2


@pytest.mark.parametrize("channels", [[], [-1, 3], [41]])
def test_channels_the_generator_lacks(channels: list[int]) -> None:
    with pytest.raises(UsageError, match="channels must be some of 0 to 40, the style channels of this generator"):
        measure(MODELS, STATISTICS, STYLES, torch.tensor(channels, dtype=torch.long))


def test_official_has_no_torgb_channels() -> None:
    with pytest.raises(UsageError, match="the published code measures no toRGB channels; leave them out"):
        measure(MODELS, STATISTICS, STYLES, torch.tensor([2, LAYOUT.entries[1].start]), method="official")


def test_rendering_leaves_gradients_as_they_were() -> None:
    groups = measure(MODELS, STATISTICS, STYLES, EVERY)
    assert not next(groups).delta_i.requires_grad and torch.is_grad_enabled()
