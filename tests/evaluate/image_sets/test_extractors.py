"""Sets of images, their distances by name, and the Inception of FID."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from styleclip.errors import WeightError
from styleclip.evaluate.image_sets.extractors import ImageSet, feature_distances, make_extractors
from styleclip.models import Models
from styleclip.networks.inception import BlockA, Inception
from styleclip.weights.fid_network import load_inception
from styleclip.weights.state_dict import on_meta


def _plausible(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Random kernels that keep the size of features, and the identity as normalisation."""
    if tensor.ndim == 4:
        return torch.randn(tensor.shape) * tensor[0].numel() ** -0.5
    return (torch.zeros if name.endswith(("bias", "mean", "tracked")) else torch.ones)(tensor.shape, dtype=tensor.dtype)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights with the names and shapes of pytorch-fid's."""
    torch.manual_seed(0)
    state = {
        name.removeprefix("network."): _plausible(name, tensor)
        for name, tensor in on_meta(Inception).state_dict().items()
    }
    state |= {"fc.weight": torch.ones(1008, 2048), "fc.bias": torch.ones(1008)}
    path = tmp_path_factory.mktemp("fid") / "inception.pth"
    torch.save(state, path)
    return path


def test_the_file_of_pytorch_fid_is_read(inception_file: Path, monkeypatch: pytest.MonkeyPatch, models: Models) -> None:
    images = torch.rand(2, 3, 20, 20) * 2 - 1
    network = load_inception(inception_file)
    assert network is not None
    monkeypatch.setattr("styleclip.evaluate.image_sets.extractors.load_inception", lambda: network)
    monkeypatch.setattr("styleclip.networks.inception.SIDE_PX", 96)  # of 299, for the time of the test
    found = feature_distances(images, images.flip(0), make_extractors(models.clip))
    assert found.keys() == {"fid", "kid", "clip_fd", "clip_kid"}
    assert found["fid"] == pytest.approx(0, abs=1e-4)


def test_torchvisions_inception_is_refused(tmp_path: Path) -> None:
    torch.save(
        {"Conv2d_1a_3x3.conv.weight": torch.ones(32, 3, 3, 3), "fc.weight": torch.ones(1000, 8)}, tmp_path / "i.pth"
    )
    with pytest.raises(WeightError, match="an Inception of 1000 classes, .* run `styleclip models pull fid-inception`"):
        load_inception(tmp_path / "i.pth")


def test_averages_leave_out_the_padding() -> None:
    block = BlockA(4, pool_features=2).eval()
    x = torch.rand(1, 4, 5, 5)
    means = F.unfold(F.pad(x, (1,) * 4), 3).view(1, 4, 9, 25).sum(dim=2)
    real = F.unfold(F.pad(torch.ones_like(x), (1,) * 4), 3).view(1, 4, 9, 25).sum(dim=2)
    torch.testing.assert_close(block(x)[:, -2:], block.branch_pool((means / real).view(1, 4, 5, 5)))


def test_an_edit_of_all_images_is_further_than_of_some(models: Models) -> None:
    images = torch.rand(12, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    extractors = make_extractors(models.clip, inception=False)
    before = ImageSet.of(images, extractors)
    some, every = images.clone(), images * 0.3
    some[:3] *= 0.3
    near, far = (before.distances(ImageSet.of(edited, extractors)) for edited in (some, every))
    assert near.keys() == {"clip_fd", "clip_kid"}
    assert near["clip_fd"] < far["clip_fd"] and near["clip_kid"] < far["clip_kid"]
    listed = ImageSet.of([images[:5], images[5:]], extractors)
    torch.testing.assert_close(listed.features[models.clip.name], before.features[models.clip.name])
