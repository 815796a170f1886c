"""Previews: exact where they start from, close to the picture nearby, and quick to be given up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.models import Models
from styleclip.preview import draw_whole_picture, preview, preview_resolutions
from tests.helpers.tiny import TINY, tiny_generator, tiny_models

SEEDS = (range(8), range(8, 16))


def psnr(found: Tensor, expected: Tensor) -> float:
    """Mean over the images, in dB of the range [-1, 1]."""
    error = (found.clamp(-1, 1) - expected.clamp(-1, 1)).div(2).square().flatten(1).mean(dim=1)
    return -10 * error.log10().mean().item()


def test_a_whole_picture_has_the_bits_of_render() -> None:
    models, seen = tiny_models(), []
    latent = Editor(models).sample(seeds=(0, 1))
    drawn = draw_whole_picture(models, latent, seen.append)
    assert torch.equal(drawn.picture, models.render(latent)) and seen == [4, 8, 16]
    assert drawn.latent.space is Space.S


@pytest.mark.parametrize("shape", [{}, {"constant": (4, 6), "img_channels": 4}])
def test_a_preview_of_the_latent_itself_has_the_bits_of_the_picture(shape: dict[str, Any]) -> None:
    config = replace(TINY, channels={**TINY.channels, 32: 4, 64: 3}, **shape)
    models = replace(tiny_models(), generator=tiny_generator(config))
    latent = Editor(models).sample(seeds=(0, 1))
    drawn = draw_whole_picture(models, latent)
    assert preview_resolutions(models.generator) == [16, 32]
    for resolution in (16, 32):
        assert torch.equal(preview(models, latent, resolution, drawn), models.render(latent))


@pytest.mark.parametrize("factor", [2, 8])
def test_smaller_previews_are_the_picture_reduced(factor: int) -> None:
    models = replace(tiny_models(), generator=tiny_generator(replace(TINY, channels={**TINY.channels, 32: 4, 64: 3})))
    latent = Editor(models).sample(seeds=(0, 1))
    drawn = draw_whole_picture(models, latent)
    reduced = torch.nn.functional.avg_pool2d(models.render(latent), factor)
    assert torch.equal(preview(models, latent, 16, drawn, factor), reduced)
    assert drawn.reduced(factor) is drawn.reduced(factor) and drawn.reduced(1) is drawn.picture


def test_previews_of_the_demo_generator_come_close_to_the_picture(demo: Models) -> None:
    """A part of the way to another face, at a quarter and half of its side."""
    source, other = (demo.generator.to_space(Editor(demo).sample(seeds=seeds), Space.S) for seeds in SEEDS)
    drawn, (*_, quarter, half) = draw_whole_picture(demo, source), preview_resolutions(demo.generator)
    for share, least in {0.05: (42, 45), 0.2: (30, 33)}.items():
        latent = Latent(Space.S, torch.lerp(source.data, other.data, share))
        whole = demo.render(latent)
        found = [psnr(preview(demo, latent, resolution, drawn), whole) for resolution in (quarter, half)]
        assert found[0] > least[0] and found[1] > least[1] and found[1] > psnr(drawn.picture, whole) + 7
        upsampled = torch.nn.functional.interpolate(demo.generator(latent, resolution=half), scale_factor=2.0)
        assert psnr(upsampled, whole) < found[1] - 7


def test_previews_show_the_channels_of_later_blocks(demo: Models) -> None:
    """Which no skip image of an earlier block shows: those of the last two, half a deviation in random directions."""
    generator, (*_, quarter, _) = demo.generator, preview_resolutions(demo.generator)
    source = generator.to_space(Editor(demo).sample(seeds=SEEDS[0]), Space.S)
    late = torch.cat(
        [torch.full((entry.channels,), float(entry.resolution > quarter)) for entry in generator.layout.entries]
    )
    step = 0.5 * source.data.std(dim=0) * torch.randn(len(late), generator=torch.Generator().manual_seed(0))
    latent, drawn = Latent(Space.S, source.data + late * step), draw_whole_picture(demo, source)
    whole = demo.render(latent)
    assert torch.equal(generator(latent, resolution=quarter), generator(source, resolution=quarter))
    assert psnr(preview(demo, latent, quarter, drawn), whole) > psnr(drawn.picture, whole) + 3


def test_drawing_ends_where_a_newer_picture_is_wanted() -> None:
    models, seen = tiny_models(), []

    def give_up(resolution: int) -> None:
        seen.append(resolution)
        if resolution == 8:
            raise StopIteration

    with pytest.raises(StopIteration):
        draw_whole_picture(models, Editor(models).sample(), give_up)
    assert seen == [4, 8]


def test_a_block_that_is_not_there_is_refused() -> None:
    models = tiny_models()
    latent = Editor(models).sample()
    with pytest.raises(UsageError, match="no block of 48 px"):
        preview(models, latent, 48, draw_whole_picture(models, latent))
