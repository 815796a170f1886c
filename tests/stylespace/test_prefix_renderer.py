"""The prefix renderer: each layer runs as often as needed, in batches, and gives the images of the generator."""

from typing import Any

import pytest
import torch

from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.stylespace.channel_effects import PrefixRenderer
from tests.helpers.channel_effects import CLAMPED, EVERY, IMAGES, LAYOUT, STYLES, float64_models, measured_effects
from tests.helpers.tiny import TINY, tiny_generator


@pytest.mark.parametrize("config", [TINY, CLAMPED], ids=["free", "clamped"])
@pytest.mark.parametrize("entry", LAYOUT.entries, ids=lambda entry: entry.name)
def test_a_prefix_renderer_draws_what_the_generator_does(config: Any, entry: Any) -> None:
    generator = tiny_generator(config)
    styles = STYLES.float()
    changed = styles[2].repeat(5, 1)
    changed[:, entry.span] += torch.randn(5, entry.channels, generator=torch.Generator().manual_seed(0))
    expected = generator(Latent(Space.S, changed))
    assert (expected - generator(Latent(Space.S, styles[2:3]))).abs().amax(dim=(1, 2, 3)).min() > 0.01
    renderer = PrefixRenderer(generator, entry, styles)
    found = renderer.finish(changed, *renderer.prefix(2))
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1)


def layers_run(models: Models, entry: str) -> list[int]:
    """Filled with the size of every batch that goes through a layer of the generator."""
    sizes: list[int] = []
    layer = models.generator.synthesis.get_submodule(entry)
    layer.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    return sizes


def test_what_comes_before_the_layer_runs_once_per_image() -> None:
    models = float64_models()
    before, behind = layers_run(models, "b8.conv1"), layers_run(models, "b16.conv1")
    entry = next(entry for entry in LAYOUT.entries if entry.name == "b16.conv1")
    measured_effects(models, EVERY[entry.span])
    assert sum(before) == IMAGES and sum(behind) == 2 * IMAGES * entry.channels


def test_no_convolution_runs_for_a_channel_of_torgb() -> None:
    models = float64_models()
    convolution = layers_run(models, "b16.conv1")
    entry = next(entry for entry in LAYOUT.entries if entry.name == "b8.torgb")
    measured_effects(models, EVERY[entry.span])
    assert sum(convolution) == IMAGES


def test_no_more_than_a_batch_is_in_flight() -> None:
    models = float64_models()
    sizes = [layers_run(models, entry.name) for entry in LAYOUT.entries]
    measured_effects(models, batch_size=3)
    assert max(max(layer) for layer in sizes) == 3
