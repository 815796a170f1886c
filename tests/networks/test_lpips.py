"""LPIPS: the numbers of the package `lpips`, from torchvision's files, without a download or a warning."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import alexnet, vgg16

from styleclip.errors import WeightError
from styleclip.networks.lpips import LPIPS, Trunk
from styleclip.weights.catalog import weight
from styleclip.weights.describe import describe
from styleclip.weights.load import load_perceptual, trunk_file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state dict of a random AlexNet, saved as torchvision's are; of the classifier only a stub."""
    return save("alex", tmp_path_factory.mktemp("trunk") / "alexnet.pth")


def save(trunk: Trunk, path: Path) -> Path:
    with torch.device("meta"):
        shapes = (alexnet if trunk == "alex" else vgg16)(weights=None).features.state_dict()
    random = torch.Generator().manual_seed(0)
    tensors = {
        f"features.{name}": torch.randn(like.shape, generator=random) / max(1, like[0].numel()) ** 0.5
        for name, like in shapes.items()
    }
    torch.save({**tensors, "classifier.1.weight": torch.ones(2, 2)}, path, _use_new_zipfile_serialization=False)
    return path


def loaded(path: Path) -> LPIPS:
    found = load_perceptual(path)
    assert found is not None
    return found


def reference(path: Path) -> nn.Module:
    """The network of `lpips` itself with the same trunk."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision in a way that is no longer liked
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    features = {name.removeprefix("features."): tensor for name, tensor in torch.load(path).items()}
    for piece in range(1, 6):
        layers = getattr(network.net, f"slice{piece}")
        layers.load_state_dict({name: features[name] for name in layers.state_dict()})
    return network.eval()


def pair(side: int, count: int = 2) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(side)
    a, b = torch.rand(2, count, 3, side, side, generator=random) * 2 - 1
    return a, b


@pytest.mark.parametrize("side", [64, 256])
def test_the_distance_is_that_of_lpips(file: Path, side: int) -> None:
    a, b = pair(side)
    found = loaded(file).distance(a, b)
    assert found.shape == (2,) and found.min() > 0.01
    torch.testing.assert_close(found, reference(file)(a, b).flatten(), atol=1e-5, rtol=1e-5)


def test_the_other_trunk(tmp_path: Path) -> None:
    network, (a, b) = loaded(save("vgg", tmp_path / "vgg.pth")), pair(32, count=1)
    assert [x.shape[1] for x in network.unit_features(a)] == [64, 128, 256, 512, 512]  # after the last ReLU of a stage
    assert network.distance(a, b).item() > 0.01 and network.distance(a, a).item() == 0


def test_equal_pictures_are_at_zero_and_large_ones_are_reduced(file: Path) -> None:
    network, (a, b) = loaded(file), pair(512, count=1)
    assert network.distance(a, a).item() == 0
    small = [F.avg_pool2d(x, 2) for x in (a, b)]
    torch.testing.assert_close(network.distance(a, b), network.distance(*small))


def test_it_is_frozen_and_has_a_gradient_for_the_picture(file: Path) -> None:
    network, (a, b) = loaded(file), pair(64)
    network.distance(a.requires_grad_(True), b).sum().backward()
    assert a.grad is not None and a.grad.isfinite().all() and a.grad.abs().max() > 0
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_it_is_found_in_our_cache_or_in_that_of_torch(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "ours"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert trunk_file() is None and load_perceptual() is None
    for folder in ("torch/hub/checkpoints", "ours"):
        (tmp_path / folder).mkdir(parents=True)
        path = tmp_path / folder / weight("lpips-alex").file
        path.write_bytes(file.read_bytes())
        assert trunk_file() == path and load_perceptual() is not None
    assert trunk_file("lpips-vgg") is None


def test_other_files_are_refused(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "trunk.pth"
    for content, reason in (
        (file.read_bytes()[:100_000], "download it again"),
        ({"features.0.weight": torch.ones(8, 3, 3, 3)}, "neither AlexNet nor VGG16"),
        ({"features.0.weight": torch.ones(64, 3, 11, 11)}, "missing features.0.bias"),
        ([1, 2], "neither AlexNet nor VGG16"),
    ):
        path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
        with pytest.raises(WeightError, match=reason) as caught:
            load_perceptual(path)
        assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(WeightError, match="there is no such file"):
        load_perceptual(tmp_path / "absent.pth")


@pytest.mark.parametrize("version", ["v0.0", "v0.1"])
@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_a_file_of_the_heads_alone(version: str, trunk: str) -> None:
    import lpips

    path = Path(lpips.__file__).parent / "weights" / version / f"{trunk}.pth"
    for read in (load_perceptual, describe):
        with pytest.raises(WeightError, match="it holds the linear heads of LPIPS, which come with the package lpips"):
            read(path)


def test_a_trunk_is_described(file: Path) -> None:
    [part] = describe(file)["parts"]
    assert (part["kind"], part["format"], part["trunk"]) == ("perceptual", "torchvision", "alex")
    assert part["parameters"] == 2_469_696 and "research only" in part["licence"]
