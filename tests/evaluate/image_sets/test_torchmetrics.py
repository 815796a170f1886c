"""Distances of sets of images against torchmetrics, on the same features."""

import pytest
import torch
from torch import Tensor, nn

from styleclip.evaluate.image_sets.distances import frechet_distance, kernel_distance

FEATURES, SIDE = 12, 6
COUNTS = (60, 45)  # images of the two sets


class FixedFeatures(nn.Module):
    """A random linear map of pictures of bytes [N, 3, SIDE, SIDE] to FEATURES numbers of about 1."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(3)
        self.matrix = nn.Parameter(torch.randn(3 * SIDE * SIDE, FEATURES, generator=random) / 1000)

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).to(self.matrix) @ self.matrix


@pytest.fixture(scope="module")
def pictures() -> list[Tensor]:
    """Two sets; the second is brighter."""
    random = torch.Generator().manual_seed(4)
    return [
        torch.randint(low, 200 + low, (count, 3, SIDE, SIDE), generator=random, dtype=torch.uint8)
        for count, low in zip(COUNTS, (0, 40), strict=True)
    ]


def test_frechet_distance(pictures: list[Tensor]) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance  # here, as it takes a second

    network = FixedFeatures()
    reference = FrechetInceptionDistance(feature=network, input_img_size=(3, SIDE, SIDE))
    reference.set_dtype(torch.float64)
    for images, real in zip(pictures, (True, False), strict=True):
        reference.update(images, real=real)
    with torch.no_grad():
        ours = frechet_distance(*(network(images) for images in pictures))
    assert ours > 0.01
    assert ours == pytest.approx(reference.compute().item(), rel=1e-4)


@pytest.mark.filterwarnings("ignore:Metric .Kernel Inception Distance:UserWarning")
def test_kernel_distance(pictures: list[Tensor]) -> None:
    """One subset of all images, so that the draw of subsets does not matter."""
    from torchmetrics.image.kid import KernelInceptionDistance

    network, count = FixedFeatures(), min(COUNTS)
    reference = KernelInceptionDistance(feature=network, subsets=1, subset_size=count)
    for images, real in zip(pictures, (True, False), strict=True):
        reference.update(images[:count], real=real)
    with torch.no_grad():
        ours = kernel_distance(*(network(images[:count]) for images in pictures))
    assert ours > 0.001
    assert ours == pytest.approx(reference.compute()[0].item(), rel=1e-4)
