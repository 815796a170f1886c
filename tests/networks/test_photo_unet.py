"""The U-Net over a photo: any size, tiles without seams, and what it draws before it is trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from styleclip.networks.photo_unet import PhotoUNet, mirror_to_multiple, tiles


def photo(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module")
def net() -> PhotoUNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PhotoUNet(width=3).eval().requires_grad_(False)


@pytest.mark.parametrize(("height", "width"), [(16, 24), (33, 70), (8, 5), (1, 100)])
def test_every_size_is_kept(net: PhotoUNet, height: int, width: int) -> None:
    drawn = net(photo(height, width))
    assert drawn.shape == (1, 3, height, width) and drawn.abs().max() <= 1


def test_it_is_the_u_net_of_clipstyler() -> None:
    shapes = {name: tuple(p.shape) for name, p in PhotoUNet().named_parameters() if name.endswith("weight")}
    assert shapes["first.weight"] == (16, 3, 1, 1) and shapes["last.weight"] == (3, 16, 1, 1)
    assert [shapes[f"down.{i}.halve.weight"] for i in range(3)] == [(n, n, 4, 4) for n in (16, 32, 64)]
    assert shapes["middle.conv0.weight"] == (128, 64, 3, 3)
    assert shapes["exit.conv0.weight"] == (16, 32, 3, 3)  # the features of the first level are joined


def test_sides_are_mirrored_to_multiples_of_eight() -> None:
    padded = mirror_to_multiple(torch.arange(18.0).reshape(1, 1, 18, 1))[0, 0]
    assert padded.shape == (24, 16)
    assert padded[17:, 0].tolist() == [17, 16, 15, 14, 13, 12, 11]


def test_own_statistics_change_nothing(net: PhotoUNet) -> None:
    picture = photo(40, 56)
    torch.testing.assert_close(net(picture, net.statistics(picture)), net(picture), atol=1e-5, rtol=0)
    with torch.enable_grad():
        torch.testing.assert_close(net(picture), net(picture, net.statistics(picture)), atol=1e-5, rtol=0)


def test_tiles_have_no_seams(net: PhotoUNet) -> None:
    """Given statistics, they are the whole picture to rounding; by their own they are not."""
    picture = photo(150, 203)
    statistics = net.statistics(photo(40, 56))
    whole, joined, apart = net(picture, statistics), torch.empty_like(picture), torch.empty_like(picture)
    places = list(tiles(*picture.shape[-2:], side=64))
    assert len(places) == 12
    for tile in places:
        joined[tile.place] = tile.cut(net(picture[tile.context], statistics))
        apart[tile.place] = tile.cut(net(picture[tile.context]))
    torch.testing.assert_close(joined, whole, atol=1e-5, rtol=0)
    assert (apart - net(picture)).abs().max() > 0.02


def test_it_may_begin_with_the_photo() -> None:
    picture = photo(24, 32) * 0.9
    torch.testing.assert_close(PhotoUNet(width=2, start="photo")(picture), picture, atol=1e-6, rtol=0)
