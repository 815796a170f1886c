"""Measures by pixels, against pictures of which they are known."""

import pytest
import torch

from styleclip.evaluate.pixels import difference, dilate, erode, gamut, halo, masked_mean

SIZE = 32


def places() -> tuple[torch.Tensor, torch.Tensor]:
    """x and y of every pixel, [H, W] from -1 to 1."""
    ends = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    return ends.expand(SIZE, SIZE), ends[:, None].expand(SIZE, SIZE)


def vignette() -> torch.Tensor:
    """A picture [1, 3, H, W] of the terms that the halo leaves out, other ones in each channel."""
    x, y = places()
    shades = [0.5 - 0.1 * x + 0.2 * y - 0.3 * (x.square() + y.square()), 0.1 * x + 0.0 * y, 0.3 + 0.2 * y + 0.0 * x]
    return torch.stack(shades)[None]


def test_a_vignette_is_no_halo() -> None:
    everywhere = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    assert halo(vignette(), everywhere).item() < 1e-3


def test_a_halo_is_measured_on_the_background_alone() -> None:
    x, y = places()
    ring = ((x.square() + y.square()).sqrt() - 0.6).abs() < 0.1
    glow = vignette() + 0.2 * ring
    everywhere = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    assert halo(glow, everywhere).item() > 5
    assert halo(glow, ~ring[None]).item() < 1e-3


def test_noise_is_a_halo_of_its_deviation() -> None:
    noise = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 / 255
    measured = halo(vignette() + noise, torch.ones(1, SIZE, SIZE, dtype=torch.bool)).item()
    assert measured == pytest.approx(1, rel=0.05)


def test_no_background_has_no_halo() -> None:
    assert halo(vignette(), torch.zeros(1, SIZE, SIZE, dtype=torch.bool)).tolist() == [0]


def test_differences_are_in_levels_and_means_in_the_mask() -> None:
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, :2] = True
    one = torch.zeros(2, 3, 4, 4)
    other = one + torch.where(mask, 2.0, 1.0)[:, None]
    assert masked_mean(difference(one, other), mask).tolist() == [255, 0]
    assert masked_mean(difference(one, other), ~mask).tolist() == [127.5, 127.5]


def test_gamut_counts_pixels_beyond_the_chroma_of_their_place() -> None:
    limit = torch.full((4, 4), 0.5)
    limit[0] = 1.5
    image = torch.zeros(1, 3, 4, 4)
    image[0, 0, :2] = 1  # chroma 1 in two rows, one of which may have it
    assert gamut(image, limit).tolist() == [25]


def test_erode_keeps_pixels_with_all_neighbours() -> None:
    mask = torch.zeros(1, 5, 5, dtype=torch.bool)
    mask[0, 1:4, 1:4] = True
    assert erode(mask).nonzero().tolist() == [[0, 2, 2]]


@pytest.mark.parametrize(("size", "margin"), [(16, 1), (64, 1), (128, 2), (256, 4)])
def test_margins_grow_with_the_picture(size: int, margin: int) -> None:
    point = torch.zeros(1, size, size)
    point[0, 5, 6] = 1
    wide = dilate(point)
    assert wide[:, 5 - margin : 6 + margin, 6 - margin : 7 + margin].all() and wide.sum() == (2 * margin + 1) ** 2
    assert erode(wide > 0).nonzero().tolist() == [[0, 5, 6]]
