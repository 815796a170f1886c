"""The StyleGAN3 generator beyond its golden vectors: filters, layout, transform, precision, gradients."""

import math
from typing import Literal

import numpy as np
import pytest
import torch

from styleclip.errors import SpaceError, UsageError
from styleclip.latents import Latent, Space
from styleclip.networks.lowpass_filters import lowpass_filter
from styleclip.networks.stylegan3 import StyleGAN3Config, StyleGAN3Synthesis
from styleclip.networks.stylegan3_schedule import bands, channel_counts
from styleclip.weights.load import fingerprint
from tests.helpers.tiny_stylegan3 import tiny_stylegan3

both = pytest.mark.parametrize("config", ["t", "r"])
Config = Literal["t", "r"]


def z(count: int = 2, seed: int = 1) -> Latent:
    return Latent(Space.Z, torch.randn(count, 12, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(
    ("taps", "cutoff", "half_width", "rate", "first_half"),
    [
        (12, 2, 6, 32, [0.0007919, 0.01001832, 0.03894952, 0.09241279, 0.15652562, 0.20130185]),
        (12, 512, 118.34577, 2048, [0.02337425, 0.0344493, -0.0508807, -0.07861523, 0.13961044, 0.43206194]),
    ],
)
def test_separable_filters(taps: int, cutoff: float, half_width: float, rate: float, first_half: list[float]) -> None:
    """Layers 0 and 13 of config T at 1024 px; values of the formulas in scipy."""
    found = lowpass_filter(taps, cutoff, half_width, rate)
    assert found is not None
    np.testing.assert_allclose(found[:6], first_half, atol=1e-6)
    np.testing.assert_allclose(found, found.flip(0), atol=1e-7)


def test_radial_filters() -> None:
    found = lowpass_filter(12, 2, 6, 32, radial=True)
    assert found is not None
    middle = [0.00020526, 0.00227863, 0.00819805, 0.01854216, 0.03053336, 0.03875489]
    edge = [8.4e-7, 1.047e-5, 4.028e-5, 9.487e-5, 1.5996e-4, 2.0526e-4]
    np.testing.assert_allclose(found[5, :6], middle, atol=1e-7)
    np.testing.assert_allclose(found[0, :6], edge, atol=1e-8)
    np.testing.assert_allclose(found, found.T, atol=1e-7)


def full(config: Config, resolution: int = 1024) -> StyleGAN3Config:
    twice = 2 if config == "r" else 1
    channels = channel_counts(bands(resolution, 14), 32768 * twice, 512 * twice)
    kernel = 1 if config == "r" else 3
    return StyleGAN3Config(512, 512, (512, 512), resolution, channels, kernel=kernel, radial=config == "r")


@pytest.mark.parametrize(("config", "size"), [("t", 4950), ("r", 9894)])
def test_the_layout_of_the_published_sizes(config: Config, size: int) -> None:
    layout = full(config).layout()
    assert (layout.size, layout.num_ws) == (size, 16)
    assert [entry.name for entry in layout.entries[:2]] == ["input", f"L0_36_{512 if config == 't' else 1024}"]
    assert layout.entries[-1].name == "L14_1024_3"
    assert layout.entries[-1].is_torgb
    assert int(layout.torgb_mask().sum()) == layout.entries[-1].channels


def test_the_table_of_layers() -> None:
    """Rows of the schedule at 1024 px, config T: sizes, rates, factors, padding."""
    layers = {layer.name: layer for layer in full("t").layers()}
    facts = {
        name: (
            layer.source.size,
            layer.target.rate,
            layer.up,
            layer.up_taps,
            layer.down,
            layer.down_taps,
            layer.padding,
        )
        for name, layer in layers.items()
    }
    assert facts["L2_52_512"] == (36, 32, 4, 24, 2, 12, (-6, -9))
    assert facts["L7_276_323"] == (148, 256, 4, 24, 2, 12, (-6, -9))
    assert facts["L13_1024_32"] == (1044, 1024, 2, 12, 2, 12, (-11, -12))
    assert facts["L14_1024_3"] == (1024, 1024, 1, 1, 1, 1, (0, 0))


@both
def test_styles_of_a_latent_draw_the_same(config: Config) -> None:
    generator = tiny_stylegan3(config)
    with torch.no_grad():
        image = generator(z())
        styles = generator.to_space(z(), Space.S)
        assert torch.equal(generator(styles), image)
        assert image.shape == (2, 3, 32, 32)
        assert image.std() > 0.01
    with pytest.raises(SpaceError, match="cannot be taken back"):
        generator.to_space(styles, Space.W)


@both
def test_shared_layers_give_the_same_picture(config: Config) -> None:
    generator = tiny_stylegan3(config)
    synthesis, layout = generator.synthesis, generator.layout
    with torch.no_grad():
        styles = layout.split(generator.to_space(z(), Space.S).data)
        state = synthesis.run(layout.entries[:7], synthesis.start(2), styles, {})
        late = synthesis.run(layout.entries[7:], state, styles, {})
        assert torch.equal(late.image, generator(z()))
        torgb = layout.entries[-1]
        change = synthesis.rerender_torgb(torgb, late.x, styles[torgb.name], 2 * styles[torgb.name])
        moved = generator(Latent(Space.S, torch.cat([*list(styles.values())[:-1], 2 * styles[torgb.name]], dim=1)))
        torch.testing.assert_close(late.image + change, moved, atol=1e-6, rtol=1e-5)


@both
def test_every_latent_has_a_gradient(config: Config) -> None:
    generator = tiny_stylegan3(config)
    with torch.no_grad():
        start = generator.to_space(z(), Space.W_PLUS).data
    data = start.clone().requires_grad_(True)
    generator(Latent(Space.W_PLUS, data)).square().mean().backward()
    assert data.grad is not None
    assert (data.grad.abs().amax(dim=2) > 0).all(), "a row of W+ without a gradient"


def test_the_picture_moves() -> None:
    """A shift by a whole number of pixels is that shift of the picture's interior, as the network is alias-free."""
    generator = tiny_stylegan3(resolution=64)
    assert isinstance(generator.synthesis, StyleGAN3Synthesis)
    with torch.no_grad():
        before = generator(z())
        generator.synthesis.input.move((4 / 64, -2 / 64), 0.0)
        after = generator(z())
        inner = (after - before.roll((-2, 4), (2, 3)))[:, :, 12:-12, 12:-12]
        assert inner.square().mean() < 0.02 * before.var()
        assert (after - before)[:, :, 12:-12, 12:-12].square().mean() > 10 * inner.square().mean()


def test_a_quarter_turn_of_config_r() -> None:
    generator = tiny_stylegan3("r", 64)
    assert isinstance(generator.synthesis, StyleGAN3Synthesis)
    with torch.no_grad():
        before = generator(z())
        generator.synthesis.input.move((0.0, 0.0), 90.0)
        after = generator(z())
        turns = {k: (after - before.rot90(k, (2, 3)))[:, :, 12:-12, 12:-12].square().mean().item() for k in range(4)}
    assert min(turns, key=turns.__getitem__) == 1, turns
    assert turns[1] < 0.1 * turns[3], turns


def test_a_transform_does_not_change_the_fingerprint() -> None:
    generator = tiny_stylegan3()
    before = fingerprint(generator)
    assert isinstance(generator.synthesis, StyleGAN3Synthesis)
    generator.synthesis.input.move((0.1, 0.0), 10.0)
    assert fingerprint(generator) == before
    assert fingerprint(tiny_stylegan3(seed=1)) != before
    with pytest.raises(UsageError, match="finite"):
        generator.synthesis.input.move((math.nan, 0.0), 0.0)


@both
def test_one_image_has_the_numbers_of_a_batch(config: Config) -> None:
    generator = tiny_stylegan3(config)
    with torch.no_grad():
        batch = generator(z(3))
        alone = torch.cat([generator(z(3)[i]) for i in range(3)])
    torch.testing.assert_close(alone, batch, atol=2e-6, rtol=1e-5)


def test_mixed_precision_is_close() -> None:
    with torch.no_grad():
        exact = tiny_stylegan3(resolution=64)(z())
        mixed = tiny_stylegan3(resolution=64).to_mixed_precision(torch.bfloat16, above=16)(z())
    assert mixed.dtype == torch.float32
    assert 0 < (mixed - exact).abs().max() < 0.1 * exact.std()


def test_smaller_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="no block of 16 px; choose one of 32"):
        tiny_stylegan3()(z(), resolution=16)
