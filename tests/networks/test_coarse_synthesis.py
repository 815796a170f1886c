"""The coarse synthesis: its early blocks are the generator's, its later filters reach as far as in the picture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from styleclip.latents import Latent, Space
from styleclip.networks.coarse_synthesis import CoarseSynthesis, narrow_filters
from styleclip.networks.layers import StyledConv
from styleclip.preview import draw_coarse
from tests.helpers.tiny import TINY, tiny_generator

GENERATOR = tiny_generator(replace(TINY, constant=(4, 6), img_channels=4))


def test_without_later_blocks_it_is_the_generator() -> None:
    z = torch.randn(2, TINY.z_dim, generator=torch.Generator().manual_seed(0))
    latent = GENERATOR.to_space(Latent(Space.Z, z), Space.S)
    assert torch.equal(draw_coarse(GENERATOR, latent, 16), GENERATOR(latent))
    assert CoarseSynthesis(GENERATOR.synthesis, 16).weights == {}
    coarse = draw_coarse(GENERATOR, latent, 8)
    assert coarse.shape == (2, 4, 8, 12) and not torch.equal(coarse, GENERATOR(latent, resolution=8))


@pytest.mark.parametrize("name", ["b16.conv1", "b16.conv0"])
@pytest.mark.parametrize("reach", [1.0, 0.5, 0.125])
def test_narrow_filters_see_ramps_at_their_reach(name: str, reach: float) -> None:
    """Bilinear spreading is exact for features that change linearly: taps `reach` apart see `reach` of the slope."""
    layer = GENERATOR.synthesis.get_submodule(name)
    assert isinstance(layer, StyledConv)
    rows, columns = torch.meshgrid(torch.arange(-1.0, 2), torch.arange(-1.0, 2), indexing="ij")
    ramp = 0.3 + 0.7 * rows - 0.2 * columns
    narrow_ramp = 0.3 + reach * (0.7 * rows - 0.2 * columns)
    filters = layer.weight.flip(2, 3) if layer.up else layer.weight
    found = F.conv2d(ramp.expand(1, filters.shape[1], 3, 3), narrow_filters(layer, reach))
    expected = F.conv2d(narrow_ramp.expand(1, filters.shape[1], 3, 3), filters)
    torch.testing.assert_close(found, expected)
